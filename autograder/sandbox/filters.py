"""The system calls that an answer has no use for, as a seccomp filter."""

from __future__ import annotations

import errno
import tempfile

CLONE_THREAD = 0x10000
REFUSED = {
    "network": "socket socketpair connect bind listen accept accept4 sendto sendmsg sendmmsg",
    "processes": "execve execveat fork vfork",
    "other processes": (
        "ptrace process_vm_readv process_vm_writev process_madvise kcmp kill tkill tgkill rt_sigqueueinfo "
        "rt_tgsigqueueinfo pidfd_open pidfd_send_signal pidfd_getfd process_mrelease migrate_pages move_pages "
        "sched_setaffinity sched_setscheduler sched_setparam sched_setattr setpriority ioprio_set prlimit64 setrlimit"
    ),
    # with prctl a process can ask not to end with its parent
    "its own confinement": "prctl seccomp",
    # an alarm on CPU time makes the kernel's clock for it coarse, and the judge reads that clock
    "clocks": "setitimer timer_create timer_settime settimeofday clock_settime clock_adjtime adjtimex alarm",
    # Landlock doesn't handle a file's owner, mode, times and labels
    "files": (
        "chmod fchmod fchmodat fchmodat2 chown lchown fchown fchownat utime utimes utimensat futimesat "
        "setxattr lsetxattr fsetxattr removexattr lremovexattr fremovexattr "
        "name_to_handle_at open_by_handle_at inotify_init inotify_init1 fanotify_init flock quotactl"
    ),
    "the machine": (
        "mount umount2 pivot_root chroot unshare setns move_mount open_tree fsopen fsconfig fsmount fspick "
        "mount_setattr bpf perf_event_open io_uring_setup io_uring_enter io_uring_register keyctl add_key request_key "
        "userfaultfd kexec_load kexec_file_load init_module finit_module delete_module memfd_secret memfd_create "
        "reboot swapon swapoff acct syslog sethostname setdomainname personality iopl ioperm sync syncfs"
    ),
    "memory between processes": (
        "shmget shmat shmctl msgget msgsnd msgrcv msgctl semget semop semtimedop semctl mq_open mq_unlink"
    ),
}

# Calls that are needed, by the second argument that makes them reach others: fcntl and ioctl let the kernel signal
# any process when a pipe fills, and hold locks and leases for which others must wait.
SETLK, SETLKW, SETOWN, SETSIG, SETOWN_EX, OFD_SETLK, OFD_SETLKW, SETLEASE, NOTIFY = 6, 7, 8, 10, 15, 37, 38, 1024, 1026
FIOSETOWN, SIOCSPGRP, FIOASYNC = 0x8901, 0x8902, 0x5452
REFUSED_BY_COMMAND = {
    "fcntl": (SETLK, SETLKW, SETOWN, SETSIG, SETOWN_EX, OFD_SETLK, OFD_SETLKW, SETLEASE, NOTIFY),
    "ioctl": (FIOSETOWN, SIOCSPGRP, FIOASYNC),
}
COMMAND_BITS = 0xFFFFFFFF  # the kernel drops what is above, so a filter must not compare it

# Calls that came after Linux 6.12, some of which change files: libseccomp may not know their names, and an answer can
# do without. They have the same numbers on every architecture; where x86's own begin, these end.
NEWER = range(463, 512)


def program() -> bytes:
    """The filter's BPF instructions. Threads may be started; every other call in `REFUSED` fails with EPERM,
    one in `NEWER` as if the kernel didn't have it.

    Raises ImportError or OSError where pyseccomp or libseccomp is missing.
    """
    import pyseccomp

    found = pyseccomp.SyscallFilter(pyseccomp.ALLOW)
    for names in REFUSED.values():
        for name in names.split():
            try:
                found.add_rule(pyseccomp.ERRNO(errno.EPERM), name)
            except (OSError, ValueError):  # a call that this architecture or library doesn't know
                continue
    for name, commands in REFUSED_BY_COMMAND.items():
        for command in commands:
            given = pyseccomp.Arg(1, pyseccomp.MASKED_EQ, COMMAND_BITS, command)
            found.add_rule(pyseccomp.ERRNO(errno.EPERM), name, given)
    for number in NEWER:
        found.add_rule(pyseccomp.ERRNO(errno.ENOSYS), number)
    found.add_rule(pyseccomp.ERRNO(errno.ENOSYS), "clone3")  # its flags lie in memory; glibc falls back to clone
    fork = pyseccomp.Arg(0, pyseccomp.MASKED_EQ, CLONE_THREAD, 0)
    found.add_rule(pyseccomp.ERRNO(errno.EPERM), "clone", fork)
    with tempfile.TemporaryFile() as file:
        found.export_bpf(file)
        file.seek(0)
        return file.read()
