//! A list of indexes that nearly always holds none or one.

/// Indexes without an allocation for the first: nearly every path has one live put and nearly every put at most
/// one successor.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) enum Few {
    #[default]
    None,
    One([u32; 1]),
    Many(Vec<u32>),
}

impl Few {
    pub(crate) fn one(index: u32) -> Self {
        Self::One([index])
    }

    pub(crate) fn as_slice(&self) -> &[u32] {
        match self {
            Self::None => &[],
            Self::One(one) => one,
            Self::Many(many) => many,
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.as_slice().is_empty()
    }

    pub(crate) fn len(&self) -> usize {
        self.as_slice().len()
    }

    pub(crate) fn push(&mut self, index: u32) {
        match self {
            Self::None => *self = Self::One([index]),
            Self::One([first]) => *self = Self::Many(vec![*first, index]),
            Self::Many(many) => many.push(index),
        }
    }

    /// Takes back the last push.
    pub(crate) fn pop(&mut self) {
        match self {
            Self::None | Self::One(_) => *self = Self::None,
            Self::Many(many) => {
                many.pop();
                if let [one] = many[..] {
                    *self = Self::One([one]);
                }
            }
        }
    }

    /// Removes an index from a list that is sorted by the key, if it is there.
    pub(crate) fn remove_sorted<K: Ord>(&mut self, index: u32, key: impl Fn(u32) -> K) {
        let wanted = key(index);
        let Ok(place) = self.as_slice().binary_search_by_key(&wanted, |other| key(*other)) else { return };
        match self {
            Self::None | Self::One(_) => *self = Self::None,
            Self::Many(many) => {
                many.remove(place);
                if let [one] = many[..] {
                    *self = Self::One([one]);
                }
            }
        }
    }

    /// Adds an index to a list that is sorted by the key.
    pub(crate) fn insert_sorted<K: Ord>(&mut self, index: u32, key: impl Fn(u32) -> K) {
        let wanted = key(index);
        let place = self.as_slice().partition_point(|other| key(*other) < wanted);
        match self {
            Self::Many(many) => many.insert(place, index),
            Self::One([other]) if place == 0 => *self = Self::Many(vec![index, *other]),
            Self::None | Self::One(_) => self.push(index),
        }
    }

    pub(crate) fn sort_by_key<K: Ord>(&mut self, key: impl Fn(u32) -> K) {
        if let Self::Many(many) = self {
            many.sort_by_key(|index| key(*index));
        }
    }
}

impl From<Vec<u32>> for Few {
    fn from(many: Vec<u32>) -> Self {
        match many[..] {
            [] => Self::None,
            [one] => Self::One([one]),
            _ => Self::Many(many),
        }
    }
}
