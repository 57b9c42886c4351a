//! What every database must do: one suite, run on each backend.
//!
//! A test is an `async fn(Fixture)` in one of the modules; `suite!` makes `#[tokio::test]`s of them
//! for a backend. A new backend adds a way to make a [`Fixture`] and one line at the end.

mod account;
mod app;
mod build;
mod instance;
mod job;
mod lease;
mod open;
mod writer;

use std::path::PathBuf;
use std::sync::Arc;

use powerjob_common::time::{ManualClock, UnixMillis};
use tempfile::TempDir;
use tokio::runtime::Handle;

use super::{Error, Store, StoreConfig};

/// The wall time at which every test begins: 2026-11-21.
const START: UnixMillis = UnixMillis(1_795_234_894_000);

/// A fresh database.
struct Fixture {
    store: Store,
    clock: Arc<ManualClock>,
    path: PathBuf,
    _folder: TempDir,
}

impl Fixture {
    async fn sqlite() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("powerjob.db");
        let clock = Arc::new(ManualClock::at(START));
        let store = open(&path, &clock).await.unwrap();
        Self {
            store,
            clock,
            path,
            _folder: folder,
        }
    }

    /// Runs a statement behind the store's back.
    async fn execute(&self, text: &str) -> u64 {
        let text = text.to_owned();
        self.store
            .write(async move |sql| sql.execute(&text, Vec::new()).await)
            .await
            .unwrap()
    }

    /// The number that a query gives.
    async fn number(&self, text: &str) -> i64 {
        let text = text.to_owned();
        self.store
            .read(async move |sql| sql.value(&text, Vec::new()).await)
            .await
            .unwrap()
    }
}

async fn open(path: &std::path::Path, clock: &Arc<ManualClock>) -> Result<Store, Error> {
    let clock: Arc<ManualClock> = Arc::clone(clock);
    Store::open(StoreConfig::sqlite(path), Handle::current(), clock).await
}

macro_rules! suite {
    ($backend:ident: $($module:ident { $($test:ident)* })*) => {
        mod $backend {
            $(mod $module {
                $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn $test() {
                    let fixture = $crate::store::contract::Fixture::$backend().await;
                    $crate::store::contract::$module::$test(fixture).await;
                })*
            })*
        }
    };
}

suite! { sqlite:
    writer {
        an_instance_comes_back_as_it_was_written
        an_instance_may_be_born_ended
        a_stale_update_changes_nothing_and_harms_no_other
        a_trigger_key_and_an_instance_id_are_used_once
        writes_about_one_instance_keep_their_order
        a_trigger_inserts_its_occurrences_and_moves_on
        a_trigger_is_applied_as_a_whole_or_not_at_all
        only_the_guilty_of_a_thousand_are_refused
        a_lost_application_is_fenced_alone
        a_lost_server_is_fenced_with_everything
        a_released_trigger_key_can_be_used_again
        ended_attempts_are_kept_once
        a_full_queue_gives_everything_back
        express_writes_overtake_bulk_ones
        a_write_that_can_not_be_stored_is_answered_at_once
        writes_of_many_callers_are_all_applied
        another_connection_wins_the_race_and_the_update_is_stale
        texts_of_any_kind_survive
        a_transaction_ends_though_its_caller_is_gone
        a_failing_transaction_leaves_nothing
        the_log_does_not_grow_without_end
        numbers_of_the_writer_add_up
    }
    lease {
        every_taking_raises_the_epoch
        the_former_life_is_fenced
        applications_are_claimed_once_and_again_by_the_next_life
        server_ids_go_round
        a_living_java_server_keeps_us_out
        a_released_lease_fences_what_is_still_written
        the_keeper_reports_renewals_and_the_loss
    }
    job {
        a_job_comes_back_as_it_was_saved
        a_save_on_an_old_base_is_refused
        a_change_calls_off_what_was_made_ahead
        switching_off_and_deleting
        a_copy_is_off_and_named_so
        the_history_keeps_every_definition
        lists_are_filtered_and_sorted_and_cut
        unfit_jobs_are_refused
        the_due_index_has_all_but_the_deleted
    }
    instance {
        pages_go_from_new_to_old
        filters_restrict_a_page
        recent_runs_and_open_counts_of_many_jobs
        open_instances_come_in_pieces
        an_adopted_row_of_java_can_be_read
        a_missing_instance_is_not_found
    }
    app {
        a_name_is_used_once
        a_change_leaves_the_rest
        an_application_with_open_instances_stays
        secrets_are_rotated
        health_counts_what_is_there
    }
    account {
        the_first_start_is_done_once
        an_adopted_administrator_is_kept
        a_sign_in_needs_the_exact_name
        a_new_password_ends_sessions_and_the_old_hash
        the_last_administrator_stays
        grants_are_unique_and_can_be_taken
        sessions_end
        a_signing_key_is_made_once
    }
    open {
        a_second_process_is_refused
        what_was_written_is_there_after_opening_again
        a_newer_database_is_refused
        a_clear_word_for_every_bad_path
    }
}
