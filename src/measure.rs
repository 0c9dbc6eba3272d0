//! What a run costs, and which process it is.

use sysinfo::{Pid, ProcessRefreshKind, ProcessStatus, ProcessesToUpdate, System};

/// The most memory that this process has held, in bytes; 0 where the system does not say.
#[must_use]
pub fn peak_rss_bytes() -> u64 {
    #[cfg(unix)]
    {
        use nix::sys::resource::{UsageWho, getrusage};
        let kilobytes = getrusage(UsageWho::RUSAGE_SELF).map_or(0, |usage| usage.max_rss());
        // macOS counts in bytes, the others in kilobytes.
        u64::try_from(kilobytes).unwrap_or(0) * if cfg!(target_os = "macos") { 1 } else { 1024 }
    }
    #[cfg(not(unix))]
    0
}

/// The processor seconds that this process's threads have used; 0 where the system does not say.
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

/// The machine's name; on Linux with the number of the space that its process numbers are of, which a container has of
/// its own.
#[must_use]
pub fn host() -> String {
    let name = System::host_name().unwrap_or_else(|| "unnamed".to_owned());
    match std::fs::read_link("/proc/self/ns/pid") {
        Ok(space) => {
            let number: String = space.to_string_lossy().chars().filter(char::is_ascii_digit).collect();
            format!("{name}-{number}")
        }
        Err(_) => name,
    }
}

/// When the process of that number was started, in seconds since 1970; none where there is no such process, or where it
/// has ended and only waits for its parent to see that.
#[must_use]
pub fn process_started(pid: u32) -> Option<u64> {
    let pid = Pid::from_u32(pid);
    let mut system = System::new();
    system.refresh_processes_specifics(ProcessesToUpdate::Some(&[pid]), true, ProcessRefreshKind::nothing());
    let process = system.process(pid)?;
    let ended = matches!(process.status(), ProcessStatus::Zombie | ProcessStatus::Dead);
    (!ended).then(|| process.start_time())
}

/// The middle value; 0 of none.
#[must_use]
pub fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(0.0)
}

/// The memory that this process may still take, in bytes, its control group's limit included.
#[must_use]
pub fn free_memory_bytes() -> u64 {
    let mut system = sysinfo::System::new();
    system.refresh_memory();
    let limit = system.cgroup_limits().map_or(u64::MAX, |limits| limits.free_memory);
    system.available_memory().min(limit)
}

/// The machine's memory in bytes, or what its control group may have of it.
#[must_use]
pub fn memory_bytes() -> u64 {
    let mut system = System::new();
    system.refresh_memory();
    let limit = system.cgroup_limits().map_or(u64::MAX, |limits| limits.total_memory);
    system.total_memory().min(limit)
}

/// The free bytes of the disk that a folder is on; where the system does not say, as many as there can be.
#[must_use]
pub fn free_disk_bytes(folder: &std::path::Path) -> u64 {
    #[cfg(unix)]
    {
        #[allow(clippy::unnecessary_cast, reason = "narrower on some systems")]
        let free = |disk: nix::sys::statvfs::Statvfs| disk.blocks_available() as u64 * disk.fragment_size() as u64;
        nix::sys::statvfs::statvfs(folder).map_or(u64::MAX, free)
    }
    #[cfg(not(unix))]
    u64::MAX
}
