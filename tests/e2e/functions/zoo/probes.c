// SPDX-License-Identifier: Apache-2.0
// What is not the function's own: the shim, the engine, the host, the network, the kernel. Each attempt is one line of the report.
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/time.h>
#include <sys/timex.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "zoo.h"

/// Of what this C library may be too old for.
enum {
    pidfd_open_call = 434,
    pidfd_getfd_call = 438,
    open_tree_call = 428,
    fsopen_call = 430,
    mount_setattr_call = 442
};
enum { io_uring_setup_call = 425, vsock_family = 40 };

static void try_open(char* report, const char* path, int flags) {
    const int fd = open(path, flags | O_CLOEXEC | O_NONBLOCK);
    note(report, path, fd);
    if (fd >= 0) close(fd);
}

/// Of files that the engine hides behind an empty one: "hidden" instead of "ok".
static void try_read(char* report, const char* path) {
    char byte;
    const int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    const ssize_t got = fd < 0 ? -1 : read(fd, &byte, 1);
    if (got == 0) {
        notef(report, "%s: hidden\n", path);
    } else {
        note(report, path, got);
    }
    if (fd >= 0) close(fd);
}

/// Notes whether there is a descriptor, and closes it.
static void note_fd(char* report, const char* name, long fd) {
    if (note(report, name, fd)) close((int)fd);
}

static int entries(const char* path) {
    DIR* folder = opendir(path);
    if (!folder) return -1;
    int count = 0;
    for (const struct dirent* one; (one = readdir(folder));) count += one->d_name[0] != '.';
    closedir(folder);
    return count;
}

// ---- the shim

static void trace_shim(char* report) {
    note(report, "attach", ptrace(PTRACE_ATTACH, 1, NULL, NULL));
    note(report, "seize", ptrace(PTRACE_SEIZE, 1, NULL, NULL));
    char bytes[16];
    struct iovec here = {bytes, sizeof bytes}, there = {(void*)0x400000, sizeof bytes};
    note(report, "process_vm_readv", process_vm_readv(1, &here, 1, &there, 1, 0));
    note(report, "process_vm_writev", process_vm_writev(1, &here, 1, &there, 1, 0));
    note(report, "kcmp", syscall(SYS_kcmp, 1, getpid(), 0, 0, 0));
}

static void take_shims_descriptors(char* report) {
    const int shim = (int)syscall(pidfd_open_call, 1, 0);
    note(report, "pidfd_open", shim);
    for (int fd = 0; fd < 12; ++fd) note_fd(report, "pidfd_getfd", syscall(pidfd_getfd_call, shim, fd, 0));
    if (shim >= 0) close(shim);
}

static void read_shim(char* report) {
    static const char* const files[] = {"mem", "environ", "maps", "auxv", "pagemap", "syscall", "stack", "io"};
    char path[64];
    for (size_t i = 0; i < sizeof files / sizeof *files; ++i) {
        snprintf(path, sizeof path, "/proc/1/%s", files[i]);
        try_read(report, path);
    }
    static const char* const links[] = {"exe", "cwd", "root", "ns/mnt", "ns/net", "fd/0", "fd/3", "fd/4"};
    for (size_t i = 0; i < sizeof links / sizeof *links; ++i) {
        char target[64];
        snprintf(path, sizeof path, "/proc/1/%s", links[i]);
        note(report, path, readlink(path, target, sizeof target));
    }
    try_open(report, "/proc/1/fd/3", O_RDWR);
    try_open(report, "/proc/1/fd/4", O_RDWR);
    try_open(report, "/proc/1/mem", O_RDWR);
}

static void signal_shim(char* report) {
    for (int number = 1; number <= 64; ++number) kill(1, number);
    const union sigval nothing = {0};
    for (int number = 1; number <= 64; ++number) sigqueue(1, number, nothing);
    notef(report, "sent\n");
}

static void connect_shim(char* report) {
    struct sockaddr_un address = {.sun_family = AF_UNIX, .sun_path = "/.shallop/s"};
    const int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
    note(report, "connect", connect(fd, (struct sockaddr*)&address, sizeof address));
    close(fd);
    notef(report, "entries: %d\n", entries("/.shallop"));
    note_fd(report, "create", open("/.shallop/s", O_CREAT | O_RDWR | O_CLOEXEC, 0666));
    note(report, "link", symlink("/etc/passwd", "/.shallop/shim"));
    note(report, "mkdir", mkdir("/.shallop/x", 0777));
    note(report, "chmod", chmod("/.shallop", 0777));
    note(report, "rename", rename("/.shallop", "/tmp/moved"));
    note(report, "remount", mount("none", "/.shallop", NULL, MS_REMOUNT | MS_BIND, NULL));
    try_open(report, "/.shallop/../etc/shadow", O_WRONLY);
}

static void list_descriptors(char* report) {
    DIR* folder = opendir("/proc/self/fd");
    for (const struct dirent* one; folder && (one = readdir(folder));) {
        char path[300], target[256] = "";
        const int fd = atoi(one->d_name);
        if (one->d_name[0] == '.' || fd == dirfd(folder)) continue;
        snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
        if (readlink(path, target, sizeof target - 1) < 0) continue;
        notef(report, "%d: %s\n", fd, target);
    }
    if (folder) closedir(folder);
}

/// Which file standard input is, and whether its mode could be changed (it is set to what it is).
static void look_at_input(char* report) {
    struct stat about;
    if (fstat(0, &about) != 0) return;
    notef(report, "input: %llu %llu %o\n", (unsigned long long)about.st_dev, (unsigned long long)about.st_ino,
          about.st_mode & 07777);
    char byte;
    notef(report, "read: %zd\n", read(0, &byte, 1));
    const int again = open("/proc/self/fd/0", O_WRONLY | O_CLOEXEC);
    note(report, "write", again < 0 ? -1 : write(again, "x", 1));
    if (again >= 0) close(again);
}

// ---- the engine and the network

static void try_connect(char* report, const char* host, int port) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    char name[64];
    inet_pton(AF_INET, host, &address.sin_addr);
    snprintf(name, sizeof name, "%s:%d", host, port);
    const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    note(report, name, connect(fd, (struct sockaddr*)&address, sizeof address));
    close(fd);
    const int datagram = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    snprintf(name, sizeof name, "udp %s:%d", host, port);
    if (strncmp(host, "127.", 4) != 0)
        note(report, name, sendto(datagram, "x", 1, 0, (struct sockaddr*)&address, sizeof address));
    close(datagram);
}

static void reach_engine(char* report) {
    static const char* const sockets[] = {"/var/run/docker.sock", "/run/docker.sock", "/run/containerd/containerd.sock",
                                          "/run/podman/podman.sock", "/host/var/run/docker.sock"};
    for (size_t i = 0; i < sizeof sockets / sizeof *sockets; ++i) {
        struct sockaddr_un address = {.sun_family = AF_UNIX};
        snprintf(address.sun_path, sizeof address.sun_path, "%s", sockets[i]);
        const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
        note(report, sockets[i], connect(fd, (struct sockaddr*)&address, sizeof address));
        close(fd);
    }
    static const char* const hosts[] = {"127.0.0.1", "172.17.0.1"};
    for (size_t i = 0; i < 2; ++i) {
        try_connect(report, hosts[i], 2375);
        try_connect(report, hosts[i], 2376);
    }
    char line[512];
    FILE* sockets_here = fopen("/proc/net/unix", "re");
    for (int number = 0; sockets_here && fgets(line, sizeof line, sockets_here); ++number) {
        if (strstr(line, "docker") || strstr(line, "containerd")) notef(report, "seen: ok %s", line);
    }
    if (sockets_here) fclose(sockets_here);
}

static void reach_network(char* report) {
    static const char* const hosts[] = {"169.254.169.254", "172.17.0.1", "10.0.0.1",
                                        "192.168.0.1",     "192.0.2.2",  "8.8.8.8"};
    for (size_t i = 0; i < sizeof hosts / sizeof *hosts; ++i) try_connect(report, hosts[i], 80);
    const char* ports = getenv("ZOO_PORTS");
    for (char* at = ports ? strdup(ports) : NULL; at && *at; at += strcspn(at, ",") + (at[strcspn(at, ",")] == ',')) {
        try_connect(report, "127.0.0.1", atoi(at));
        try_connect(report, "172.17.0.1", atoi(at));
    }
    struct sockaddr_in6 six = {.sin6_family = AF_INET6, .sin6_port = htons(80)};
    inet_pton(AF_INET6, "fd00::2", &six.sin6_addr);
    const int fd = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
    note(report, "[fd00::2]:80", fd < 0 ? -1 : connect(fd, (struct sockaddr*)&six, sizeof six));
    if (fd >= 0) close(fd);
    notef(report, "interfaces: %d\n", entries("/sys/class/net"));
}

static void odd_sockets(char* report) {
    note_fd(report, "raw", socket(AF_INET, SOCK_RAW, IPPROTO_ICMP));
    note_fd(report, "raw6", socket(AF_INET6, SOCK_RAW, IPPROTO_ICMPV6));
    note_fd(report, "packet", socket(AF_PACKET, SOCK_RAW, 0));
    note_fd(report, "vsock", socket(vsock_family, SOCK_STREAM, 0));
    struct ifreq request = {.ifr_name = "lo", .ifr_flags = 0};
    const int fd = socket(AF_INET, SOCK_DGRAM, 0);
    note(report, "lo down", ioctl(fd, SIOCSIFFLAGS, &request));
    close(fd);
}

// ---- the host

static void mounts(char* report) {
    note(report, "mount tmpfs", mount("none", "/tmp", "tmpfs", 0, NULL));
    note(report, "mount proc", mount("none", "/tmp", "proc", 0, NULL));
    note(report, "bind", mount("/proc", "/tmp", NULL, MS_BIND, NULL));
    note(report, "remount root", mount("none", "/", NULL, MS_REMOUNT, NULL));
    note(report, "unmount", umount2("/proc/kcore", MNT_DETACH));
    note(report, "pivot_root", syscall(SYS_pivot_root, "/tmp", "/tmp"));
    note(report, "chroot", chroot("/tmp"));
    note(report, "unshare user", unshare(CLONE_NEWUSER));
    note(report, "unshare mounts", unshare(CLONE_NEWNS));
    note(report, "unshare network", unshare(CLONE_NEWNET));
    note(report, "clone user", syscall(SYS_clone, CLONE_NEWUSER | SIGCHLD, 0, 0, 0, 0));
    const int own = open("/proc/self/ns/mnt", O_RDONLY | O_CLOEXEC);
    note(report, "setns", setns(own, 0));
    close(own);
    note_fd(report, "fsopen", syscall(fsopen_call, "tmpfs", 0));
    note_fd(report, "open_tree", syscall(open_tree_call, AT_FDCWD, "/", 1));
    note(report, "mount_setattr", syscall(mount_setattr_call, AT_FDCWD, "/", 0, "", 0));
    struct {
        unsigned size;
        int type;
        unsigned char handle[8];
    } root = {8, 1, {2}};
    note(report, "open_by_handle_at", syscall(SYS_open_by_handle_at, AT_FDCWD, &root, O_RDONLY));
}

static void devices(char* report) {
    note(report, "block device", mknod("/tmp/disk", S_IFBLK | 0600, makedev(8, 0)));
    note(report, "character device", mknod("/tmp/mem", S_IFCHR | 0600, makedev(1, 1)));
    note(report, "device in /dev", mknod("/dev/disk", S_IFBLK | 0600, makedev(254, 0)));
    static const char* const there[] = {"/dev/mem", "/dev/kmsg", "/dev/kvm", "/dev/fuse",
                                        "/dev/sda", "/dev/vda",  "/dev/port"};
    for (size_t i = 0; i < sizeof there / sizeof *there; ++i) try_open(report, there[i], O_RDONLY);
}

static void write_files(char* report) {
    static const char* const files[] = {"/proc/sys/kernel/core_pattern",
                                        "/proc/sys/kernel/hostname",
                                        "/proc/sys/kernel/modprobe",
                                        "/proc/sys/vm/overcommit_memory",
                                        "/proc/sys/net/ipv4/ip_forward",
                                        "/proc/sysrq-trigger",
                                        "/sys/kernel/uevent_helper",
                                        "/sys/power/state",
                                        "/sys/fs/cgroup/cgroup.procs",
                                        "/sys/fs/cgroup/memory.max",
                                        "/sys/fs/cgroup/memory/memory.limit_in_bytes",
                                        "/sys/fs/cgroup/pids/pids.max",
                                        "/sys/fs/cgroup/memory/release_agent",
                                        "/zoo",
                                        "/.dockerenv",
                                        "/etc/hosts",
                                        "/etc/passwd",
                                        "/etc/resolv.conf"};
    for (size_t i = 0; i < sizeof files / sizeof *files; ++i) try_open(report, files[i], O_WRONLY);
    note_fd(report, "create in /", open("/new", O_CREAT | O_WRONLY | O_CLOEXEC, 0600));
    note(report, "new cgroup", mkdir("/sys/fs/cgroup/memory/mine", 0700));
    note(report, "new cgroup of v2", mkdir("/sys/fs/cgroup/mine", 0700));
    static const char* const secrets[] = {"/proc/kcore", "/proc/keys", "/proc/timer_list",
                                          "/sys/firmware/dmi/tables/DMI"};
    for (size_t i = 0; i < sizeof secrets / sizeof *secrets; ++i) try_read(report, secrets[i]);
}

static void list_mounts(char* report) {
    FILE* mounted = fopen("/proc/self/mountinfo", "re");
    char line[1024], target[256], options[256];
    while (mounted && fgets(line, sizeof line, mounted)) {
        if (sscanf(line, "%*s %*s %*s %*s %255s %255s", target, options) == 2)
            notef(report, "%s %s\n", target, options);
    }
    if (mounted) fclose(mounted);
}

// ---- the kernel

#define TRY(name, ...) note(report, name, syscall(__VA_ARGS__))

static void kernel(char* report) {
    char nothing[128] = {0};
    TRY("bpf", SYS_bpf, 0, nothing, sizeof nothing);
    note_fd(report, "perf_event_open", syscall(SYS_perf_event_open, nothing, 0, -1, -1, 0));
    note_fd(report, "userfaultfd", syscall(SYS_userfaultfd, 0));
    note_fd(report, "io_uring_setup", syscall(io_uring_setup_call, 1, nothing));
    TRY("keyctl", SYS_keyctl, 0, -3, 0, 0, 0);
    TRY("add_key", SYS_add_key, "user", "zoo", "x", 1, -3);
    TRY("request_key", SYS_request_key, "user", "zoo", NULL, -3);
    TRY("init_module", SYS_init_module, nothing, 0, "");
    TRY("finit_module", SYS_finit_module, 0, "", 0);
    TRY("delete_module", SYS_delete_module, "zoo", 0);
    TRY("kexec_load", SYS_kexec_load, 0, 0, NULL, 0);
    TRY("reboot", SYS_reboot, 0xfee1dead, 672274793, 0, NULL);
    TRY("swapon", SYS_swapon, "/tmp", 0);
    TRY("swapoff", SYS_swapoff, "/tmp");
    TRY("acct", SYS_acct, NULL);
    TRY("syslog", SYS_syslog, 3, nothing, sizeof nothing);
    TRY("quotactl", SYS_quotactl, 0, NULL, 0, NULL);
    note_fd(report, "fanotify_init", syscall(SYS_fanotify_init, 0, 0));
    TRY("sethostname", SYS_sethostname, "zoo", 3);
    TRY("vhangup", SYS_vhangup);
#ifdef SYS_iopl
    TRY("iopl", SYS_iopl, 3);
    TRY("ioperm", SYS_ioperm, 0, 1, 1);
#endif
}

static void clocks(char* report) {
    struct timeval now;
    struct timespec at;
    gettimeofday(&now, NULL);
    clock_gettime(CLOCK_REALTIME, &at);
    note(report, "settimeofday", settimeofday(&now, NULL));
    note(report, "clock_settime", clock_settime(CLOCK_REALTIME, &at));
    struct timex change = {.modes = ADJ_FREQUENCY};
    note(report, "adjtimex", adjtimex(&change));
    const struct sched_param real_time = {.sched_priority = 1};
    note(report, "real time", syscall(SYS_sched_setscheduler, 0, SCHED_FIFO, &real_time));
    note(report, "priority", setpriority(PRIO_PROCESS, 0, -10));
    TRY("ioprio_set", SYS_ioprio_set, 1, 0, 1 << 13);
}

static void identity(char* report) {
    notef(report, "uid: %d\n", (int)getuid());
    note(report, "setuid", setuid(getuid() == 0 ? 1000 : 0));
    note(report, "setgid", setgid(getgid() == 0 ? 1000 : 0));
    const gid_t group = 999;
    note(report, "setgroups", syscall(SYS_setgroups, 1, &group));
    const int fd = open("/tmp/owned", O_CREAT | O_RDWR | O_CLOEXEC, 0600);
    note(report, "chown", fchown(fd, getuid() == 0 ? 1000 : 0, (gid_t)-1));
    note(report, "capability in the bounding set", prctl(PR_CAPBSET_READ, 21, 0, 0, 0) == 1 ? 0 : (errno = EPERM, -1));
    note(report, "new privileges", prctl(PR_SET_NO_NEW_PRIVS, 0, 0, 0, 0));
    notef(report, "no_new_privs: %d\n", prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0));
    struct rlimit more = {1 << 22, 1 << 22};
    note(report, "more descriptors", setrlimit(RLIMIT_NOFILE, &more));
    note(report, "more core", setrlimit(RLIMIT_CORE, &more));
    FILE* status = fopen("/proc/self/status", "re");
    for (char line[256]; status && fgets(line, sizeof line, status);)
        if (strncmp(line, "Cap", 3) == 0 || strncmp(line, "Seccomp:", 8) == 0) notef(report, "%s", line);
    if (status) fclose(status);
    close(fd);
}

const struct deed probes[] = {
    {"trace-shim", trace_shim},
    {"take-shims-descriptors", take_shims_descriptors},
    {"read-shim", read_shim},
    {"signal-shim", signal_shim},
    {"connect-shim", connect_shim},
    {"list-descriptors", list_descriptors},
    {"look-at-input", look_at_input},
    {"reach-engine", reach_engine},
    {"reach-network", reach_network},
    {"odd-sockets", odd_sockets},
    {"old-calls", old_calls},
    {"mounts", mounts},
    {"devices", devices},
    {"write-files", write_files},
    {"list-mounts", list_mounts},
    {"kernel", kernel},
    {"clocks", clocks},
    {"identity", identity},
    {"crash", crash},
    {"leave-mark", leave_mark},
    {"find-mark", find_mark},
    {NULL, NULL},
};
