//! Fuzzy search: which of many names a few typed letters mean.

/// How well a query fits a text, higher is better; none if its letters do not occur in it in their order. Letters at
/// the start of words and next to each other count for more; case does not matter; spaces in the query neither.
pub(super) fn score(query: &str, text: &str) -> Option<i32> {
    let text: Vec<char> = text.chars().flat_map(char::to_lowercase).collect();
    let query: Vec<char> = query
        .chars()
        .filter(|c| !c.is_whitespace())
        .flat_map(char::to_lowercase)
        .collect();
    // best[j]: the best score of the query's letters so far with the last of them at text[j].
    let mut best: Vec<Option<i32>> = Vec::new();
    for (i, letter) in query.iter().enumerate() {
        let mut next = vec![None; text.len()];
        let mut before: Option<i32> = None;
        for (j, c) in text.iter().enumerate() {
            if i > 0 && j > 0 {
                // A gap costs a little, however long it is.
                before = before.max(best[j - 1].map(|s| s - 2));
            }
            if c != letter {
                continue;
            }
            let starts = j == 0 || !text[j - 1].is_alphanumeric();
            let own = 1 + if starts { 8 } else { 0 };
            let joined = j
                .checked_sub(1)
                .and_then(|j| best.get(j).copied().flatten());
            next[j] = match i {
                0 => Some(own - (j as i32).min(4)),
                _ => joined.map(|s| s + own + 5).max(before.map(|s| s + own)),
            };
        }
        best = next;
    }
    if query.is_empty() {
        return Some(0);
    }
    best.into_iter().flatten().max()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn first<'a>(query: &str, texts: &[&'a str]) -> &'a str {
        let scored = texts.iter().filter_map(|t| Some((score(query, t)?, *t)));
        scored.max_by_key(|(score, _)| *score).unwrap().1
    }

    #[test]
    fn starts_of_words_and_runs_of_letters_win() {
        let names = [
            "screen-timeline",
            "cut-ten-later",
            "next-worker",
            "screen-workers",
        ];
        assert_eq!(first("tl", &["title", "ten-later"]), "ten-later");
        assert_eq!(first("nw", &names), "next-worker");
        assert_eq!(first("time", &names), "screen-timeline");
        assert_eq!(first("sw", &names), "screen-workers");
        assert_eq!(first("ctl", &names), "cut-ten-later");
    }

    #[test]
    fn letters_must_occur_in_their_order() {
        assert_eq!(score("ba", "ab"), None);
        assert_eq!(score("", "anything"), Some(0));
        assert!(score("Ä B", "äb").is_some());
        assert_eq!(score("aa", "a"), None);
    }
}
