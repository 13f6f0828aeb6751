//! Whether a model fits into this machine's memory, before anything is allocated for it.

use std::path::Path;

use crate::model::Graph;
use crate::units::Bytes;

/// Says why a model does not fit; where the system does not tell its memory, everything fits. An emulated engine has no
/// tensors, only the bytes of the values that it sends and receives.
///
/// # Errors
/// A sentence with what is needed and what is there.
pub fn fits(graph: &Graph, emulated: bool) -> Result<(), String> {
    let Some(memory) = crate::host::memory(Path::new("/")) else {
        return Ok(());
    };
    fits_in(graph, emulated, memory.available)
}

fn fits_in(graph: &Graph, emulated: bool, available: Bytes) -> Result<(), String> {
    let needed = if emulated {
        let values = graph.nodes().iter().map(|node| node.output_bytes().0);
        Bytes(values.max().unwrap_or(0).saturating_mul(2))
    } else {
        let weights = graph.parameter_count().saturating_mul(4);
        Bytes(graph.largest_step_bytes().0.saturating_add(weights))
    };
    if needed <= available {
        return Ok(());
    }
    let input = graph.input_shape();
    Err(format!(
        "{} with images of {}x{} needs at least {needed} of memory, and {available} are available; take a smaller size \
         or batch",
        graph.name(),
        input.rows,
        input.columns
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::zoo;

    #[test]
    fn an_image_that_no_machine_here_could_hold_is_refused_with_both_numbers() {
        let laptop = Bytes(24_000_000_000);
        let vgg = |size| zoo::build("vgg19", 1, size, size).unwrap();
        assert_eq!(fits_in(&vgg(224), false, laptop), Ok(()));
        let why = fits_in(&vgg(8192), false, laptop).unwrap_err();
        assert!(
            why.contains("8192x8192") && why.contains("24.0 GB"),
            "{why}"
        );
        // The first convolution alone: 64 channels in and out.
        let largest = vgg(8192).largest_step_bytes().0;
        assert_eq!(largest, 2 * 64 * 8192 * 8192 * 4);
        assert!(fits_in(&vgg(8192), true, laptop).is_err());
        assert_eq!(fits_in(&vgg(4096), true, laptop), Ok(()));
    }
}
