/* The cheapest loop there is over OrtApi::Run: two clock readings and one store per inference. */
#include <stddef.h>
#include <stdint.h>
#include <time.h>

typedef void *(*run_fn)(void *session, const void *options, const char *const *inputs, const void *const *fed,
                        size_t fed_count, const char *const *outputs, size_t output_count, void **got);

static int64_t now_ns(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

/* Iterates until `slot_ns` have passed or `room` is full; how many latencies were written, -1 at an error. */
int64_t loop(run_fn run, void *session, const char *input, void *fed, const char *output, void *got, int64_t slot_ns,
             int64_t *latency_ns, int64_t room) {
    const int64_t end = now_ns() + slot_ns;
    const void *values[1] = {fed};
    for (int64_t k = 0; k < room; k++) {
        const int64_t before = now_ns();
        if (run(session, NULL, &input, values, 1, &output, 1, &got)) return -1;
        const int64_t after = now_ns();
        latency_ns[k] = after - before;
        if (after >= end) return k + 1;
    }
    return room;
}
