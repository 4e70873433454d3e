//! What was probably meant by a name that nothing has.

/// The candidate that is most like a name, if one is near: at most a quarter of its letters and one differ. Case does not
/// count.
pub(crate) fn nearest<'a>(name: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let wanted = name.to_lowercase();
    let all = candidates.into_iter().map(|known| (distance(&wanted, &known.to_lowercase()), known));
    let (distance, nearest) = all.min_by_key(|(distance, _)| *distance)?;
    is_near(&wanted, distance).then_some(nearest)
}

/// Whether so many changes make one name of another that was probably meant.
pub(crate) fn is_near(name: &str, distance: usize) -> bool {
    distance <= 1 + name.chars().count() / 4
}

/// How many letters must be changed to make one text of the other.
pub(crate) fn distance(a: &str, b: &str) -> usize {
    let mut row: Vec<usize> = (0..=b.chars().count()).collect();
    for (line, from) in a.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = line + 1;
        for (column, to) in b.chars().enumerate() {
            let changed = diagonal + usize::from(from != to);
            diagonal = row[column + 1];
            row[column + 1] = changed.min(diagonal + 1).min(row[column] + 1);
        }
    }
    row.last().copied().unwrap_or_default()
}
