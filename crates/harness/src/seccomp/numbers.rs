//! The numbers of system calls by their names, for the architecture that this is built for.

/// Makes [`number`] from a list of names.
macro_rules! calls {
    ($($(#[$only:meta])* $name:ident $constant:ident)*) => {
        /// The number of a system call on this architecture; none where it does not have the call,
        /// or where the call is not on the list of this module.
        pub fn number(name: &str) -> Option<i64> {
            match name {
                $($(#[$only])* stringify!($name) => Some(libc::$constant),)*
                _ => None,
            }
        }
    };
}

calls! {
    accept SYS_accept
    accept4 SYS_accept4
    #[cfg(target_arch = "x86_64")]
    access SYS_access
    acct SYS_acct
    #[cfg(target_arch = "x86_64")]
    alarm SYS_alarm
    #[cfg(target_arch = "x86_64")]
    arch_prctl SYS_arch_prctl
    bind SYS_bind
    bpf SYS_bpf
    brk SYS_brk
    capset SYS_capset
    chdir SYS_chdir
    #[cfg(target_arch = "x86_64")]
    chmod SYS_chmod
    #[cfg(target_arch = "x86_64")]
    chown SYS_chown
    chroot SYS_chroot
    clock_nanosleep SYS_clock_nanosleep
    clone SYS_clone
    clone3 SYS_clone3
    close SYS_close
    close_range SYS_close_range
    connect SYS_connect
    copy_file_range SYS_copy_file_range
    #[cfg(target_arch = "x86_64")]
    creat SYS_creat
    dup SYS_dup
    #[cfg(target_arch = "x86_64")]
    dup2 SYS_dup2
    dup3 SYS_dup3
    #[cfg(target_arch = "x86_64")]
    epoll_create SYS_epoll_create
    epoll_create1 SYS_epoll_create1
    epoll_ctl SYS_epoll_ctl
    epoll_pwait SYS_epoll_pwait
    epoll_pwait2 SYS_epoll_pwait2
    #[cfg(target_arch = "x86_64")]
    epoll_wait SYS_epoll_wait
    #[cfg(target_arch = "x86_64")]
    eventfd SYS_eventfd
    eventfd2 SYS_eventfd2
    execve SYS_execve
    execveat SYS_execveat
    fallocate SYS_fallocate
    fchdir SYS_fchdir
    fchmod SYS_fchmod
    fchmodat SYS_fchmodat
    fchown SYS_fchown
    fchownat SYS_fchownat
    fcntl SYS_fcntl
    fdatasync SYS_fdatasync
    flock SYS_flock
    #[cfg(target_arch = "x86_64")]
    fork SYS_fork
    fstat SYS_fstat
    fsync SYS_fsync
    ftruncate SYS_ftruncate
    futex SYS_futex
    get_robust_list SYS_get_robust_list
    getcpu SYS_getcpu
    getcwd SYS_getcwd
    #[cfg(target_arch = "x86_64")]
    getdents SYS_getdents
    getdents64 SYS_getdents64
    getitimer SYS_getitimer
    getpeername SYS_getpeername
    #[cfg(target_arch = "x86_64")]
    getpgrp SYS_getpgrp
    getpid SYS_getpid
    getppid SYS_getppid
    getrandom SYS_getrandom
    getresuid SYS_getresuid
    getrlimit SYS_getrlimit
    getrusage SYS_getrusage
    getsockname SYS_getsockname
    getsockopt SYS_getsockopt
    gettid SYS_gettid
    inotify_add_watch SYS_inotify_add_watch
    #[cfg(target_arch = "x86_64")]
    inotify_init SYS_inotify_init
    inotify_init1 SYS_inotify_init1
    io_destroy SYS_io_destroy
    io_setup SYS_io_setup
    io_submit SYS_io_submit
    io_uring_enter SYS_io_uring_enter
    io_uring_register SYS_io_uring_register
    io_uring_setup SYS_io_uring_setup
    ioctl SYS_ioctl
    ioprio_set SYS_ioprio_set
    kcmp SYS_kcmp
    kill SYS_kill
    #[cfg(target_arch = "x86_64")]
    lchown SYS_lchown
    #[cfg(target_arch = "x86_64")]
    link SYS_link
    linkat SYS_linkat
    listen SYS_listen
    lseek SYS_lseek
    #[cfg(target_arch = "x86_64")]
    lstat SYS_lstat
    madvise SYS_madvise
    mbind SYS_mbind
    membarrier SYS_membarrier
    memfd_create SYS_memfd_create
    memfd_secret SYS_memfd_secret
    mincore SYS_mincore
    #[cfg(target_arch = "x86_64")]
    mkdir SYS_mkdir
    mkdirat SYS_mkdirat
    #[cfg(target_arch = "x86_64")]
    mknod SYS_mknod
    mknodat SYS_mknodat
    mlock SYS_mlock
    mlock2 SYS_mlock2
    mlockall SYS_mlockall
    mmap SYS_mmap
    #[cfg(target_arch = "x86_64")]
    modify_ldt SYS_modify_ldt
    mount SYS_mount
    move_mount SYS_move_mount
    mprotect SYS_mprotect
    mremap SYS_mremap
    msync SYS_msync
    munlock SYS_munlock
    munlockall SYS_munlockall
    munmap SYS_munmap
    name_to_handle_at SYS_name_to_handle_at
    nanosleep SYS_nanosleep
    newfstatat SYS_newfstatat
    #[cfg(target_arch = "x86_64")]
    open SYS_open
    open_by_handle_at SYS_open_by_handle_at
    open_tree SYS_open_tree
    openat SYS_openat
    openat2 SYS_openat2
    #[cfg(target_arch = "x86_64")]
    pause SYS_pause
    perf_event_open SYS_perf_event_open
    personality SYS_personality
    pidfd_getfd SYS_pidfd_getfd
    pidfd_open SYS_pidfd_open
    pidfd_send_signal SYS_pidfd_send_signal
    #[cfg(target_arch = "x86_64")]
    pipe SYS_pipe
    pipe2 SYS_pipe2
    pivot_root SYS_pivot_root
    #[cfg(target_arch = "x86_64")]
    poll SYS_poll
    ppoll SYS_ppoll
    prctl SYS_prctl
    pread64 SYS_pread64
    preadv SYS_preadv
    preadv2 SYS_preadv2
    prlimit64 SYS_prlimit64
    process_madvise SYS_process_madvise
    process_vm_readv SYS_process_vm_readv
    process_vm_writev SYS_process_vm_writev
    pselect6 SYS_pselect6
    ptrace SYS_ptrace
    pwrite64 SYS_pwrite64
    pwritev SYS_pwritev
    pwritev2 SYS_pwritev2
    read SYS_read
    readahead SYS_readahead
    #[cfg(target_arch = "x86_64")]
    readlink SYS_readlink
    readlinkat SYS_readlinkat
    readv SYS_readv
    recvfrom SYS_recvfrom
    recvmmsg SYS_recvmmsg
    recvmsg SYS_recvmsg
    #[cfg(target_arch = "x86_64")]
    rename SYS_rename
    #[cfg(target_arch = "x86_64")]
    renameat SYS_renameat
    renameat2 SYS_renameat2
    #[cfg(target_arch = "x86_64")]
    rmdir SYS_rmdir
    rseq SYS_rseq
    rt_sigaction SYS_rt_sigaction
    rt_sigprocmask SYS_rt_sigprocmask
    rt_sigqueueinfo SYS_rt_sigqueueinfo
    rt_sigsuspend SYS_rt_sigsuspend
    rt_sigtimedwait SYS_rt_sigtimedwait
    sched_getaffinity SYS_sched_getaffinity
    sched_getattr SYS_sched_getattr
    sched_getparam SYS_sched_getparam
    sched_getscheduler SYS_sched_getscheduler
    sched_setaffinity SYS_sched_setaffinity
    sched_setattr SYS_sched_setattr
    sched_setparam SYS_sched_setparam
    sched_setscheduler SYS_sched_setscheduler
    sched_yield SYS_sched_yield
    seccomp SYS_seccomp
    #[cfg(target_arch = "x86_64")]
    select SYS_select
    sendfile SYS_sendfile
    sendmmsg SYS_sendmmsg
    sendmsg SYS_sendmsg
    sendto SYS_sendto
    set_robust_list SYS_set_robust_list
    set_tid_address SYS_set_tid_address
    setgid SYS_setgid
    setgroups SYS_setgroups
    sethostname SYS_sethostname
    setitimer SYS_setitimer
    setns SYS_setns
    setpgid SYS_setpgid
    setpriority SYS_setpriority
    setregid SYS_setregid
    setresgid SYS_setresgid
    setresuid SYS_setresuid
    setreuid SYS_setreuid
    setrlimit SYS_setrlimit
    setsid SYS_setsid
    setsockopt SYS_setsockopt
    setuid SYS_setuid
    shmat SYS_shmat
    shmctl SYS_shmctl
    shmdt SYS_shmdt
    shmget SYS_shmget
    shutdown SYS_shutdown
    sigaltstack SYS_sigaltstack
    #[cfg(target_arch = "x86_64")]
    signalfd SYS_signalfd
    signalfd4 SYS_signalfd4
    socket SYS_socket
    socketpair SYS_socketpair
    splice SYS_splice
    #[cfg(target_arch = "x86_64")]
    stat SYS_stat
    statx SYS_statx
    swapon SYS_swapon
    #[cfg(target_arch = "x86_64")]
    symlink SYS_symlink
    symlinkat SYS_symlinkat
    sync SYS_sync
    sysinfo SYS_sysinfo
    tee SYS_tee
    tgkill SYS_tgkill
    #[cfg(target_arch = "x86_64")]
    time SYS_time
    timer_create SYS_timer_create
    timer_delete SYS_timer_delete
    timer_settime SYS_timer_settime
    timerfd_create SYS_timerfd_create
    timerfd_gettime SYS_timerfd_gettime
    timerfd_settime SYS_timerfd_settime
    times SYS_times
    tkill SYS_tkill
    truncate SYS_truncate
    umask SYS_umask
    umount2 SYS_umount2
    uname SYS_uname
    #[cfg(target_arch = "x86_64")]
    unlink SYS_unlink
    unlinkat SYS_unlinkat
    unshare SYS_unshare
    userfaultfd SYS_userfaultfd
    #[cfg(target_arch = "x86_64")]
    utime SYS_utime
    utimensat SYS_utimensat
    #[cfg(target_arch = "x86_64")]
    utimes SYS_utimes
    #[cfg(target_arch = "x86_64")]
    vfork SYS_vfork
    vmsplice SYS_vmsplice
    wait4 SYS_wait4
    waitid SYS_waitid
    write SYS_write
    writev SYS_writev
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_has_the_number_of_its_name() {
        assert_eq!(number("flock"), Some(libc::SYS_flock));
        assert_eq!(number("no_such_call"), None);
    }
}
