//! Measurements of the process and the machine: memory, processor time, disk, and process identity.

use sysinfo::{Pid, ProcessRefreshKind, ProcessStatus, ProcessesToUpdate, System};

/// Returns this process's peak memory (resident set) in bytes; 0 if the system does not report it.
#[must_use]
pub fn peak_rss_bytes() -> u64 {
    #[cfg(unix)]
    {
        use nix::sys::resource::{UsageWho, getrusage};
        let kilobytes = getrusage(UsageWho::RUSAGE_SELF).map_or(0, |usage| usage.max_rss());
        // macOS reports bytes, other systems kilobytes.
        u64::try_from(kilobytes).unwrap_or(0) * if cfg!(target_os = "macos") { 1 } else { 1024 }
    }
    #[cfg(not(unix))]
    0
}

/// Returns the processor time of all threads of this process in seconds; 0 if the system does not report it.
#[must_use]
pub fn cpu_seconds() -> f64 {
    #[cfg(unix)]
    {
        use nix::sys::resource::{UsageWho, getrusage};
        let seconds = |time: nix::sys::time::TimeVal| time.tv_sec() as f64 + time.tv_usec() as f64 * 1e-6;
        getrusage(UsageWho::RUSAGE_SELF).map_or(0.0, |usage| seconds(usage.user_time()) + seconds(usage.system_time()))
    }
    #[cfg(not(unix))]
    0.0
}

/// Returns the machine's name; on Linux with the number of the process namespace, which differs between containers.
#[must_use]
pub fn host() -> String {
    let name = System::host_name().unwrap_or_else(|| "unnamed".to_owned());
    match std::fs::read_link("/proc/self/ns/pid") {
        Ok(namespace) => {
            let number: String = namespace.to_string_lossy().chars().filter(char::is_ascii_digit).collect();
            format!("{name}-{number}")
        }
        Err(_) => name,
    }
}

/// Returns the id of this process; 0 if the system does not report it.
#[must_use]
pub fn process_id() -> u32 {
    sysinfo::get_current_pid().map_or(0, Pid::as_u32)
}

/// Returns the start time of a process in seconds since 1970; `None` if it does not exist, or if it has ended and its
/// parent has not yet collected its exit status.
#[must_use]
pub fn process_started(pid: u32) -> Option<u64> {
    let pid = Pid::from_u32(pid);
    let mut system = System::new();
    system.refresh_processes_specifics(ProcessesToUpdate::Some(&[pid]), true, ProcessRefreshKind::nothing());
    let process = system.process(pid)?;
    let ended = matches!(process.status(), ProcessStatus::Zombie | ProcessStatus::Dead);
    (!ended).then(|| process.start_time())
}

/// Returns the median (the upper one of two middle values); 0 for an empty list.
#[must_use]
pub fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(0.0)
}

/// Returns the memory in bytes that is free for this process, within the limit of its control group.
#[must_use]
pub fn free_memory_bytes() -> u64 {
    let mut system = sysinfo::System::new();
    system.refresh_memory();
    let limit = system.cgroup_limits().map_or(u64::MAX, |limits| limits.free_memory);
    system.available_memory().min(limit)
}

/// Returns the machine's memory in bytes, or the limit of the control group if that is lower.
#[must_use]
pub fn memory_bytes() -> u64 {
    let mut system = System::new();
    system.refresh_memory();
    let limit = system.cgroup_limits().map_or(u64::MAX, |limits| limits.total_memory);
    system.total_memory().min(limit)
}

/// Returns the free bytes of a folder's disk; `u64::MAX` if the system does not report them.
#[must_use]
pub fn free_disk_bytes(folder: &std::path::Path) -> u64 {
    #[cfg(unix)]
    {
        #[allow(clippy::unnecessary_cast, reason = "the types are narrower on some systems")]
        let free = |disk: nix::sys::statvfs::Statvfs| disk.blocks_available() as u64 * disk.fragment_size() as u64;
        nix::sys::statvfs::statvfs(folder).map_or(u64::MAX, free)
    }
    #[cfg(not(unix))]
    u64::MAX
}
