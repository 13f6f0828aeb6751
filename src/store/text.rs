//! Text from a worker, made safe to show.

/// At most `most` characters, without control characters: a worker cannot move the cursor or fill the memory.
pub fn clean(text: &str, most: usize) -> String {
    let mut out: String = text
        .chars()
        .take(most)
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect();
    if text.chars().nth(most).is_some() {
        out.pop();
        out.push('…');
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escape_sequences_lose_their_power_and_long_text_its_end() {
        assert_eq!(clean("a\x1b[2Jb\n", 10), "a [2Jb ");
        assert_eq!(clean("0123456789", 10), "0123456789");
        assert_eq!(clean("0123456789x", 10), "012345678…");
    }
}
