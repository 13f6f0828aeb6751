//! How figures look: the only place with colours and sizes.

use super::scene::{Across, Area, Down, Scene, Shade, Type};

pub(super) const INK: Shade = (0x1a, 0x1a, 0x1a);
pub(super) const FAINT: Shade = (0x5c, 0x5c, 0x5c);
pub(super) const GRID: Shade = (0xde, 0xde, 0xde);
pub(super) const PAPER: Shade = (0xff, 0xff, 0xff);
/// Energy: the darkest colour that is not ink.
pub(super) const ENERGY: Shade = (0x9c, 0x1c, 0x2e);

/// Line heights in pixels.
pub(super) const TITLE: f64 = 24.0;
pub(super) const LABEL: f64 = 17.0;
pub(super) const SMALL: f64 = 15.5;

/// How a part of the latency is filled, in the order of `PartsMs::NAMES`: lightness grows from the robot up.
#[derive(Clone, Copy)]
pub(super) struct Fill {
    pub(super) shade: Shade,
    /// Strokes, rising or falling.
    pub(super) hatch: Option<bool>,
}

pub(super) const PARTS: [Fill; 5] = [
    Fill {
        shade: (0x1f, 0x3f, 0x66),
        hatch: None,
    },
    Fill {
        shade: (0xf0, 0xb4, 0x5e),
        hatch: Some(false),
    },
    Fill {
        shade: (0x56, 0x9a, 0x9a),
        hatch: None,
    },
    Fill {
        shade: (0xfb, 0xe7, 0xb0),
        hatch: Some(true),
    },
    Fill {
        shade: (0xf4, 0xf4, 0xf4),
        hatch: None,
    },
];

/// A latency whose parts are not told.
pub(super) const WHOLE: Fill = Fill {
    shade: (0xb9, 0xc3, 0xcf),
    hatch: None,
};

/// The two sides of a comparison.
pub(super) const SIDES: [Fill; 2] = [
    Fill {
        shade: (0x1f, 0x3f, 0x66),
        hatch: None,
    },
    Fill {
        shade: (0xf0, 0xb4, 0x5e),
        hatch: Some(false),
    },
];

/// A link's directions.
pub(super) const CURVES: [Shade; 2] = [(0x1f, 0x3f, 0x66), (0xd0, 0x83, 0x1c)];
/// Between the least and the most of a curve's point.
pub(super) const ENVELOPES: [Shade; 2] = [(0xc3, 0xce, 0xdc), (0xf3, 0xd9, 0xb4)];

/// A filled and, where it is large enough, hatched and outlined box.
pub(super) fn part(scene: &mut Scene, area: Area, fill: Fill) {
    scene.fill(area, fill.shade);
    if let Some(falling) = fill.hatch {
        scene.hatch(area, 6.0, falling, FAINT);
    }
    if area.height() >= 1.0 && area.width() >= 2.0 {
        scene.outline(area, 1.0, FAINT);
    }
}

/// Plain text.
pub(super) const fn plain(across: Across, down: Down) -> Type {
    Type {
        size: SMALL,
        is_bold: false,
        shade: INK,
        across,
        down,
        is_turned: false,
    }
}

/// The name of an axis.
pub(super) const fn axis_name(is_turned: bool) -> Type {
    Type {
        size: LABEL,
        is_turned,
        ..plain(
            Across::Middle,
            if is_turned { Down::Bottom } else { Down::Top },
        )
    }
}
