//! The mark of a consumer that has seen all it was given moves past what its filter leaves out: a quiet one must not keep
//! the log from being removed. Of a consumer that nobody reads for at present, the filter is unknown, and its mark stays.

use std::collections::BTreeMap;

use simp_store::StoreError;

use crate::engine::Engine;
use crate::inputs::Reader;

impl Engine {
    /// Moves the marks of those consumers that have seen all that these clients were given.
    pub(crate) fn pass_by(&mut self, readers: &[Reader]) -> Result<(), StoreError> {
        // Several may read for one consumer, each with its own filter: none is to miss what it was given, or will be.
        let mut consumers: BTreeMap<&str, (u64, u64)> = BTreeMap::new();
        for Reader { consumer, given, looked } in readers {
            let (given_to_any, looked_by_all) = consumers.entry(consumer).or_insert((0, u64::MAX));
            *given_to_any = (*given).max(*given_to_any);
            *looked_by_all = (*looked).min(*looked_by_all);
        }
        for (consumer, (given, looked)) in consumers {
            // A consumer that has no mark yet keeps nothing.
            let Some(mark) = self.store.mark(consumer)? else { continue };
            if (given..looked).contains(&mark) {
                self.store.set_mark(consumer, looked)?;
                self.retention.look_soon(&self.policy.retain, &self.store)?;
            }
        }
        Ok(())
    }
}
