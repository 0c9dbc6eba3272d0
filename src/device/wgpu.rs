//! GPUs through wgpu: Vulkan, Metal, DirectX 12.

use burn::tensor::wgpu::wgpu::{self, DeviceType as Type};
use burn::tensor::{Device, DeviceKind, DeviceType};

use super::failure::caught;
use super::{Adapter, Name, OpenedDevice};
use crate::error::Error;

/// Instructions for a machine without a GPU driver.
pub const NONE: &str = "no driver of a GPU was found. On Linux install the card's Vulkan driver (mesa-vulkan-drivers for AMD and \
                        Intel, NVIDIA's own for NVIDIA) until `vulkaninfo --summary` lists the card; a container needs access to \
                        the card (`--device /dev/dri`, or `--gpus all`). On macOS and Windows the system includes a driver";

/// The largest number of adapters of each kind that are listed.
const MOST: usize = 16;

pub fn names() -> Vec<Name> {
    adapters().into_iter().map(|(adapter, _)| Name::Wgpu(adapter)).collect()
}

fn adapters() -> Vec<(Adapter, DeviceKind)> {
    let devices = Device::enumerate(DeviceType::Wgpu);
    let kinds = [DeviceKind::DiscreteGpu as fn(usize) -> DeviceKind, DeviceKind::IntegratedGpu, DeviceKind::VirtualGpu];
    let all = kinds.into_iter().flat_map(|kind| (0..MOST).map(kind));
    let exists = |kind: &DeviceKind| devices.contains(&Device::wgpu(kind.clone()));
    let mut adapters: Vec<_> =
        all.filter(exists).enumerate().map(|(number, kind)| (Adapter::Number(number), kind)).collect();
    if exists(&DeviceKind::Cpu) {
        adapters.push((Adapter::Software, DeviceKind::Cpu));
    }
    adapters
}

pub fn open(adapter: Adapter) -> Result<OpenedDevice, Error> {
    let name = Name::Wgpu(adapter);
    let wrong = |problem: String| Error::Device { name: name.to_string(), problem };
    let adapters =
        caught(adapters).map_err(|panic| wrong(format!("the driver failed to list its devices: {panic}")))?;
    let Some((_, kind)) = adapters.iter().find(|(known, _)| *known == adapter) else {
        let names: Vec<String> = adapters.iter().map(|(adapter, _)| Name::Wgpu(*adapter).to_string()).collect();
        return Err(wrong(match &names[..] {
            [] => NONE.to_owned(),
            names => format!("there is no such GPU; there are: {}. If a GPU is missing: {NONE}", names.join(", ")),
        }));
    };
    let start = || Device::wgpu_options().device_kind(kind.clone()).init_with_setup();
    let (device, setup) = caught(start)
        .and_then(|started| started.map_err(|error| error.to_string()))
        .map_err(|panic| wrong(format!("its driver could not be started: {panic}; a newer driver may help")))?;
    let info = setup.adapter.get_info();
    let software = if info.device_type == Type::Cpu { ", which emulates a GPU on the processor" } else { "" };
    let hardware = format!("{}, {:?}{software}", info.name, info.backend);
    Ok(OpenedDevice { name, hardware, memory: memory(&setup.adapter), device })
}

/// Returns the size in bytes of the card's largest local memory, under Vulkan. wgpu itself does not report it.
#[cfg(not(target_vendor = "apple"))]
fn memory(adapter: &wgpu::Adapter) -> Option<u64> {
    // SAFETY: the driver's handles are only queried, never destroyed, and `adapter` outlives them.
    let vulkan = unsafe { adapter.as_hal::<wgpu::hal::api::Vulkan>() }?;
    let instance = vulkan.shared_instance().raw_instance();
    // SAFETY: the handle belongs to the adapter and to this instance.
    let memory = unsafe { instance.get_physical_device_memory_properties(vulkan.raw_physical_device()) };
    let heaps = memory.memory_heaps.iter().take(memory.memory_heap_count as usize);
    // VK_MEMORY_HEAP_DEVICE_LOCAL_BIT
    heaps.filter(|heap| heap.flags.as_raw() & 1 != 0).map(|heap| heap.size).max()
}

#[cfg(target_vendor = "apple")]
fn memory(_: &wgpu::Adapter) -> Option<u64> {
    // The card shares the machine's memory.
    Some(crate::measure::memory_bytes())
}
