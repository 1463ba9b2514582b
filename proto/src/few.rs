//! A queue that mostly has one item or none, as that of a chat's events: it takes memory of its own only for more.

use std::collections::VecDeque;
use std::mem;

/// Items in the order in which they came.
#[derive(Debug, Default)]
#[expect(clippy::box_collection, reason = "two words are all that most chats have to spare")]
pub(crate) enum Few<T> {
    /// None.
    #[default]
    Nothing,
    /// One.
    One(T),
    /// Several; with the last of them it gives the memory back.
    Many(Box<VecDeque<T>>),
}

impl<T> Few<T> {
    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        match self {
            Self::Nothing => 0,
            Self::One(_) => 1,
            Self::Many(items) => items.len(),
        }
    }

    /// Whether there is none.
    pub(crate) fn is_empty(&self) -> bool {
        matches!(self, Self::Nothing)
    }

    /// Adds one after the others.
    pub(crate) fn push(&mut self, item: T) {
        match self {
            Self::Nothing => *self = Self::One(item),
            Self::One(_) => {
                let first = self.pop();
                *self = Self::Many(Box::new(first.into_iter().chain([item]).collect()));
            }
            Self::Many(items) => items.push_back(item),
        }
    }

    /// Takes the first.
    pub(crate) fn pop(&mut self) -> Option<T> {
        match self {
            Self::Many(items) if items.len() > 1 => items.pop_front(),
            _ => match mem::take(self) {
                Self::Nothing => None,
                Self::One(item) => Some(item),
                Self::Many(mut items) => items.pop_front(),
            },
        }
    }

    /// All of them.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &T> {
        let (one, many) = match self {
            Self::Nothing => (None, None),
            Self::One(item) => (Some(item), None),
            Self::Many(items) => (None, Some(items.iter())),
        };
        one.into_iter().chain(many.into_iter().flatten())
    }

    /// Removes the first of those that are meant.
    pub(crate) fn remove_first(&mut self, is_meant: impl Fn(&T) -> bool) -> bool {
        let mut is_removed = false;
        self.retain(|item| {
            let goes = !is_removed && is_meant(item);
            is_removed |= goes;
            !goes
        });
        is_removed
    }

    /// Keeps those that are meant.
    pub(crate) fn retain(&mut self, mut is_meant: impl FnMut(&T) -> bool) {
        let mut kept = Self::Nothing;
        while let Some(item) = self.pop() {
            if is_meant(&item) {
                kept.push(item);
            }
        }
        *self = kept;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_a_queue_like_any_other() {
        let (mut few, mut queue) = (Few::default(), VecDeque::new());
        for seed in simp_seeds::seeds(200) {
            let mut random = simp_seeds::Random(seed);
            for n in 0..50 {
                match random.below(8) {
                    0..4 => {
                        few.push(n);
                        queue.push_back(n);
                    }
                    4..6 => assert_eq!(few.pop(), queue.pop_front()),
                    6 => {
                        let place = queue.iter().position(|item| item % 3 == 0);
                        place.and_then(|place| queue.remove(place));
                        assert_eq!(few.remove_first(|item| item % 3 == 0), place.is_some());
                    }
                    _ => {
                        few.retain(|item| item % 5 != 0);
                        queue.retain(|item| item % 5 != 0);
                    }
                }
                assert!(
                    few.iter().eq(&queue) && few.len() == queue.len() && few.is_empty() == queue.is_empty(),
                    "SIMP_SEED={seed}"
                );
            }
        }
    }
}
