//! The node tells what it has in its browser.

use js_sys::{Array, Function};
use mydht::store::StoreLimits;
use wasm_bindgen::prelude::*;

use crate::events::{self, object};
use crate::interface::{Progress, StoredList, Verified};
use crate::inventory::Inventory;
use crate::node::{Node, error};

#[wasm_bindgen]
impl Node {
    /// Returns all records in this browser, with how much of their content is here. Empty for a
    /// node that keeps nothing.
    pub async fn stored(&self) -> Result<StoredList, JsError> {
        let (listed, damaged) = match &self.profile {
            Some(profile) => {
                let mut inventory = Inventory::of(profile).await.map_err(error)?;
                inventory.list().await.map_err(error)?
            }
            None => Default::default(),
        };
        let damaged = damaged.iter().chain(&self.damaged);
        let records: Array = listed.iter().map(events::stored).collect();
        let limit = StoreLimits::default();
        Ok(object(&[
            ("records", records.into()),
            (
                "damaged",
                damaged.map(JsValue::from).collect::<Array>().into(),
            ),
            ("mostRecords", (limit.entries as f64).into()),
            ("mostBytes", (limit.bytes as f64).into()),
        ])
        .unchecked_into())
    }

    /// Reads all that it has in this browser and checks it against its hashes: what is damaged, and
    /// why. `progress` hears how much was read.
    #[wasm_bindgen(js_name = verifyStored)]
    pub async fn verify_stored(&self, progress: Option<Progress>) -> Result<Verified, JsError> {
        let mut right = 0;
        let wrong = Array::new();
        if let Some(profile) = &self.profile {
            let mut inventory = Inventory::of(profile).await.map_err(error)?;
            let (listed, damaged) = inventory.list().await.map_err(error)?;
            for why in damaged.iter().chain(&self.damaged) {
                wrong.push(&object(&[("key", "".into()), ("why", why.into())]));
            }
            let total: u64 = listed.iter().map(|stored| stored.here).sum();
            let progress: Option<Function> = progress.map(JsCast::unchecked_into);
            let mut done = 0;
            for stored in &listed {
                let moved = |bytes| {
                    done += bytes;
                    if let Some(progress) = &progress {
                        let (done, total) = ((done as f64).into(), (total as f64).into());
                        // What it throws is the page's affair.
                        let _ = progress.call2(&JsValue::UNDEFINED, &done, &total);
                    }
                };
                let checked = inventory.verify(&stored.record, moved).await;
                match checked.map_err(error)? {
                    None => right += 1,
                    Some(why) => {
                        let key = stored.record.key.to_string();
                        wrong.push(&object(&[("key", key.into()), ("why", why.into())]));
                    }
                }
            }
        }
        Ok(object(&[("right", right.into()), ("wrong", wrong.into())]).unchecked_into())
    }
}
