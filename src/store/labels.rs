//! Names of the classes that the zoo's models tell apart (`ImageNet`).

use std::sync::LazyLock;

const TEXT: &str = include_str!("../../assets/imagenet_labels.txt");

static LABELS: LazyLock<Vec<&str>> = LazyLock::new(|| TEXT.lines().collect());

/// The label of a class, if it has one.
pub fn label(class: u16) -> Option<&'static str> {
    LABELS.get(usize::from(class)).copied()
}

/// What a class is called on the screen: its label if the weights were trained, else its number.
pub fn class_name(class: u16, trained: bool) -> String {
    match label(class) {
        Some(label) if trained => label.to_owned(),
        _ => format!("#{class}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_are_a_thousand_and_the_known_ones_are_in_their_places() {
        assert_eq!(LABELS.len(), 1000);
        assert_eq!(label(285), Some("Egyptian cat"));
        assert_eq!(label(967), Some("espresso"));
        assert_eq!(label(1000), None);
        assert_eq!(class_name(967, false), "#967");
    }
}
