"""What the standard library has on Linux and not on a Mac, by module."""

LINUX_ONLY: dict[str, tuple[str, ...]] = {
    "os": (
        "sched_getaffinity", "sched_setaffinity", "sched_getparam", "sched_setparam", "sched_getscheduler",
        "sched_setscheduler", "sched_rr_get_interval", "sched_param", "SCHED_BATCH", "SCHED_IDLE", "SCHED_RESET_ON_FORK",
        "posix_fadvise", "posix_fallocate", "fdatasync", "copy_file_range", "splice", "memfd_create", "eventfd",
        "eventfd_read", "eventfd_write", "pidfd_open", "pipe2", "getrandom", "setns", "unshare", "waitid", "accept4",
        "getresuid", "getresgid", "setresuid", "setresgid", "getxattr", "setxattr", "listxattr", "removexattr",
        "O_DIRECT", "O_TMPFILE", "O_PATH", "O_NOATIME", "O_RSYNC", "O_LARGEFILE", "POSIX_FADV_DONTNEED",
        "MFD_CLOEXEC", "EFD_CLOEXEC", "GRND_NONBLOCK", "RWF_HIPRI", "RWF_NOWAIT", "RWF_DSYNC", "RWF_SYNC", "P_PIDFD",
    ),
    "fcntl": ("F_OFD_GETLK", "F_OFD_SETLK", "F_OFD_SETLKW", "F_SETPIPE_SZ", "F_GETPIPE_SZ", "F_ADD_SEALS", "F_GET_SEALS",
            "F_SETLEASE", "F_GETLEASE", "F_NOTIFY", "F_SETSIG", "F_GETSIG"),
    "resource": ("prlimit", "RUSAGE_THREAD", "RLIMIT_MSGQUEUE", "RLIMIT_NICE", "RLIMIT_RTPRIO", "RLIMIT_RTTIME",
               "RLIMIT_SIGPENDING", "RLIMIT_OFILE"),
    "select": ("epoll", "EPOLLIN", "EPOLLOUT", "EPOLLPRI", "EPOLLERR", "EPOLLHUP", "EPOLLET", "EPOLLONESHOT",
               "EPOLLRDHUP", "EPOLLEXCLUSIVE", "EPOLL_CLOEXEC"),
    "signal": ("pidfd_send_signal", "sigtimedwait", "sigwaitinfo", "SIGPWR", "SIGSTKFLT", "SIGPOLL", "SIGRTMIN", "SIGRTMAX",
             "SIGCLD"),
    "socket": ("TCP_KEEPIDLE", "TCP_USER_TIMEOUT", "TCP_QUICKACK", "TCP_CORK", "TCP_INFO", "TCP_DEFER_ACCEPT", "TCP_LINGER2",
             "TCP_SYNCNT", "TCP_WINDOW_CLAMP", "TCP_CONGESTION", "SOCK_CLOEXEC", "SOCK_NONBLOCK", "SO_PEERCRED",
             "SO_PASSCRED", "SO_DOMAIN", "SO_PROTOCOL", "SO_BINDTODEVICE", "SO_MARK", "SO_PRIORITY", "MSG_NOSIGNAL",
             "MSG_MORE", "MSG_CMSG_CLOEXEC", "MSG_ERRQUEUE", "AF_NETLINK", "AF_PACKET", "AF_VSOCK", "AF_ALG", "AF_CAN"),
    "time": ("CLOCK_BOOTTIME", "CLOCK_TAI", "CLOCK_PROF", "CLOCK_HIGHRES", "pthread_getcpuclockid"),
}  # fmt: skip
