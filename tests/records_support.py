"""Small trees of real boards' shapes, with what tells whose they are."""

from pathlib import Path

from farm_lab import notation, tree
from farm_lab.record import Record

POLICY = "sys/devices/system/cpu/cpufreq/policy"

PI5 = r"""
sys/firmware/devicetree/base/model = Raspberry Pi 5 Model B Rev 1.1\0
sys/firmware/devicetree/base/compatible = raspberrypi,5-model-b\0brcm,bcm2712\0
sys/firmware/devicetree/base/serial-number = 10000000cafe0123\0
proc/device-tree -> ../sys/firmware/devicetree/base
proc/cpuinfo = processor\t: 0\nFeatures\t: fp asimd asimddp\n\nSerial\t\t: 10000000cafe0123\nModel\t\t: Raspberry Pi 5
proc/meminfo = MemTotal:        8245488 kB\nMemAvailable:    7340032 kB\n
proc/version = Linux version 6.6.69-v8-16k+ (ada@workshop) (gcc 12.2.0) \#1 SMP PREEMPT\n
sys/devices/system/cpu/online = 0-3
P0/related_cpus = 0 1 2 3
P0/scaling_driver = cpufreq-dt
P0/scaling_available_frequencies = 1500000 1600000 1700000 1800000 1900000 2000000 2100000 2200000 2300000 2400000
P0/scaling_governor = ondemand (m:0644)
P0/scaling_min_freq = 1500000 (m:0644)
P0/scaling_max_freq = 2400000 (m:0644)
P0/cpuinfo_max_freq = 2400000
P0/cpuinfo_cur_freq !EACCES
P0/scaling_cur_freq = 1800000
P0/stats/time_in_state = 1500000 41234\n2400000 90210
Z0/type = cpu-thermal
Z0/temp = 44600
Z0/trip_point_0_type = critical
Z0/trip_point_0_temp = 110000
Z0/cdev0 -> ../cooling_device0
C0/type = pwm-fan
C0/max_state = 4
C0/cur_state = 0
H0/name = rp1_adc
H0/in1_input = 2040
H1/name = rpi_volt
H1/in0_lcrit_alarm = 0
sys/devices/platform/soc/soc:firmware/get_throttled = 50000
"""
ORIN = r"""
sys/firmware/devicetree/base/compatible = nvidia,p3768-0000+p3767-0003\0nvidia,tegra234\0
sys/devices/system/cpu/online = 0-5
P0/related_cpus = 0 1 2 3
P0/scaling_governor = schedutil
P0/scaling_cur_freq = 729600
P0/cpuinfo_max_freq = 1510400
P4/related_cpus = 4 5
P4/scaling_governor = schedutil
P4/scaling_cur_freq = 1510400
P4/cpuinfo_max_freq = 1510400
sys/devices/platform/17000000.gpu/devfreq/17000000.gpu/cur_freq = 306000000
sys/class/devfreq/17000000.gpu -> ../../devices/platform/17000000.gpu/devfreq/17000000.gpu
Z0/type = CPU-therm
Z0/temp = 48800
Z1/type = GPU-therm
Z1/temp !EAGAIN
H3/name = ina3221
H3/device -> ../../../i2c-1/1-0040
H3/in1_label = VDD_IN
H3/in1_input = 4904
H3/curr1_input = 1048
"""
ROCK = r"""
sys/firmware/devicetree/base/model = Radxa ROCK 5B\0
sys/firmware/devicetree/base/compatible = radxa,rock-5b\0rockchip,rk3588\0
P0/related_cpus = 0 1 2 3
P0/scaling_cur_freq = 408000
P0/cpuinfo_max_freq = 1800000
P4/related_cpus = 4 5
P4/cpuinfo_max_freq = 2304000
P4/scaling_cur_freq = 408000
P6/related_cpus = 6 7
P6/cpuinfo_max_freq = 2352000
P6/scaling_cur_freq = 408000
P6/scaling_governor = ondemand
Z0/type = soc-thermal
Z0/temp = 48100
C0/type = thermal-cpufreq-0
C0/cur_state = 2
H0/name = tcpm_source_psy_4_0022
H0/in0_input = 9000
H0/curr1_input = 3000
"""
N100 = r"""
sys/devices/virtual/dmi/id/sys_vendor = Radxa
sys/devices/virtual/dmi/id/product_name = X4
sys/devices/virtual/dmi/id/product_serial = SN-4711
sys/class/dmi/id -> ../../devices/virtual/dmi/id
sys/devices/system/cpu/intel_pstate/no_turbo = 0
P0/related_cpus = 0
P0/scaling_governor = powersave
P0/scaling_cur_freq = 800000
P0/cpuinfo_max_freq = 3400000
Z0/type = acpitz
Z0/temp = 27800
Z1/type = x86_pkg_temp
Z1/temp = 38000
sys/devices/virtual/powercap/intel-rapl/intel-rapl:0/energy_uj !EACCES
sys/devices/virtual/powercap/intel-rapl/intel-rapl:0/name = package-0
sys/devices/virtual/powercap/intel-rapl/intel-rapl:0/constraint_1_max_power_uw !ENODATA
sys/class/powercap/intel-rapl:0 -> ../../devices/virtual/powercap/intel-rapl/intel-rapl:0
"""
ODD = r"""
proc/cpuinfo =
Z0/type = cpu
Z0/temp = 48
Z10/type = soc-thermal
Z10/temp = -256000
P0/related_cpus = nonsense
P0/scaling_cur_freq = <unsupported>
H0/name =
sys/class/hwmon/hwmon7 -> ../../devices/nowhere/hwmon7
"""
BOARDS = {"pi5": PI5, "orin": ORIN, "rock5b": ROCK, "n100": N100, "odd": ODD, "empty": ""}


def written(text: str) -> Record:
    """The record that such a text stands for."""
    return Record(notation.read(text, "a board of the tests"), {"allowed": [0]})


def board(root: Path, name: str) -> Path:
    """A folder that looks like that board."""
    root.mkdir()
    tree.replay(root, written(BOARDS[name]), name)
    return root
