//! Writes that are longer than what the database takes in one statement.

use powerjob_common::id::InstanceId;

use super::Fixture;
use super::build::{insert, instance, write};
use crate::domain::instance::Instance;
use crate::store::write::{WriteOp, WriteOutcome};

const MIB: usize = 1 << 20;

/// An instance whose parameters have this length in JSON: each of their bytes is a quotation mark.
fn long(id: i64, json_bytes: usize) -> WriteOp {
    insert(Instance {
        instance_params: Some("\"".repeat(json_bytes / 2)),
        ..instance(id)
    })
}

/// `max_allowed_packet` is 16 MiB by default.
pub(super) async fn a_batch_longer_than_a_packet_is_parted(fixture: Fixture) {
    let ops = (1..=40).map(|id| long(id, MIB)).collect();
    let outcomes = write(&fixture.store, ops).await;
    assert_eq!(outcomes, vec![WriteOutcome::Applied; 40]);
    assert!(fixture.store.writer().reading().commits >= 3);
    let last = fixture.store.instance(InstanceId(40)).await.unwrap();
    assert_eq!(last.instance_params.map(|text| text.len()), Some(MIB / 2));
}

pub(super) async fn a_write_longer_than_a_packet_is_refused_alone(fixture: Fixture) {
    let ops = vec![insert(instance(1)), long(2, 16 * MIB), insert(instance(3))];
    let outcomes = write(&fixture.store, ops).await;
    let [
        WriteOutcome::Applied,
        WriteOutcome::Failed(reason),
        WriteOutcome::Applied,
    ] = &outcomes[..]
    else {
        panic!("{outcomes:?}");
    };
    assert!(reason.contains("max_allowed_packet"), "{reason}");
}
