//! What every database must do: one suite, run on each backend.
//!
//! A test is an `async fn(Fixture)` in one of the modules; `suite!` makes `#[tokio::test]`s of them
//! for a backend. A new backend adds a way to make a [`Fixture`] and one line at the end.

mod account;
mod adoption;
mod app;
mod assignment;
mod beats;
pub(super) mod build;
mod connections;
mod instance;
mod java_statements;
mod job;
mod lease;
mod open;
mod packet;
mod race;
mod reference;
mod restart;
mod retention;
mod survey;
mod task_journal;
mod worker_order;
mod writer;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use powerjob_common::time::{ManualClock, UnixMillis};
use powerjob_databases::{DatabaseServer, Kind};
use sea_orm::{DatabaseConnection, DbBackend};
use tempfile::TempDir;
use tokio::runtime::Handle;

use super::connect::{Doubt, Purpose, Target};
use super::sql::Columns;
use super::{Error, Store, StoreConfig};

/// The wall time at which every test begins: 2026-11-21.
const START: UnixMillis = UnixMillis(1_795_234_894_000);

/// A fresh database.
struct Fixture {
    store: Store,
    clock: Arc<ManualClock>,
    database: TestDatabase,
}

/// Where it is; gone when this drops.
struct TestDatabase {
    url: String,
    _folder: Option<TempDir>,
}

impl Fixture {
    async fn sqlite() -> Option<Self> {
        let folder = tempfile::tempdir().unwrap();
        let url = format!("sqlite:{}", folder.path().join("powerjob.db").display());
        Some(Self::on(url, Some(folder)).await)
    }

    async fn postgres() -> Option<Self> {
        let server = DatabaseServer::shared(Kind::Postgres)?;
        Some(Self::on(server.fresh().await.unwrap(), None).await)
    }

    async fn mariadb() -> Option<Self> {
        let server = DatabaseServer::shared(Kind::MariaDb)?;
        Some(Self::on(server.fresh().await.unwrap(), None).await)
    }

    async fn on(url: String, folder: Option<TempDir>) -> Self {
        let clock = Arc::new(ManualClock::at(START));
        let store = open(StoreConfig::new(&url), &clock).await.unwrap();
        Self {
            store,
            clock,
            database: TestDatabase {
                url,
                _folder: folder,
            },
        }
    }

    fn backend(&self) -> DbBackend {
        Target::parse(&self.database.url).unwrap().backend()
    }

    fn config(&self) -> StoreConfig {
        StoreConfig::new(&self.database.url)
    }

    /// The file of an SQLite database.
    fn path(&self) -> PathBuf {
        PathBuf::from(&self.database.url["sqlite:".len()..])
    }

    /// Closes the store and opens the database again.
    async fn open_again(self, change: impl FnOnce(&mut StoreConfig)) -> Result<Self, Error> {
        let mut config = self.config();
        change(&mut config);
        self.store.close().await.unwrap();
        drop(self.store);
        // A program that another test starts has all open locks until it runs.
        let mut opened = open(config.clone(), &self.clock).await;
        for _ in 0..1_000 {
            let Err(Error::InUse(_)) = opened else { break };
            tokio::task::yield_now().await;
            opened = open(config.clone(), &self.clock).await;
        }
        let store = opened?;
        Ok(Self { store, ..self })
    }

    /// A connection beside the store's.
    async fn connect(&self) -> DatabaseConnection {
        let target = Target::parse(&self.database.url).unwrap();
        target
            .connect(Purpose::Schema, &Doubt::default())
            .await
            .unwrap()
    }

    /// Lets every lease end.
    async fn expire_leases(&self) {
        self.execute("update {pj_server_lease} set expires_at = 0")
            .await;
    }

    /// Runs a statement behind the store's back.
    async fn execute(&self, text: &str) -> u64 {
        let text = text.to_owned();
        self.store
            .write(async move |sql| sql.execute(&text, Vec::new()).await)
            .await
            .unwrap()
    }

    /// The number that a query gives, whatever its width in the database.
    async fn number(&self, text: &str) -> i64 {
        let text = text.to_owned();
        let row = self
            .store
            .read(async move |sql| sql.row(&text, Vec::new()).await)
            .await
            .unwrap();
        Columns::of(&row.unwrap()).number().unwrap()
    }
}

async fn open(config: StoreConfig, clock: &Arc<ManualClock>) -> Result<Store, Error> {
    let clock: Arc<ManualClock> = Arc::clone(clock);
    Store::open(config, Handle::current(), clock).await
}

async fn open_file(path: &Path, clock: &Arc<ManualClock>) -> Result<Store, Error> {
    open(StoreConfig::sqlite(path), clock).await
}

macro_rules! suite {
    ($backend:ident $group:ident: $($module:ident { $($test:ident)* })*) => {
        mod $group {
            $(mod $module {
                $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn $test() {
                    let Some(fixture) = $crate::store::contract::Fixture::$backend().await else {
                        return;
                    };
                    $crate::store::contract::$module::$test(fixture).await;
                })*
            })*
        }
    };
}

/// What holds for every database.
macro_rules! contract {
    ($($backend:ident)*) => { $(suite! { $backend $backend:
    reference {
        applications_keep_what_only_the_reference_knows
        jobs_are_found_by_each_of_their_columns
        instances_come_in_each_order
        namespaces_have_a_code_of_their_own
        people_change_and_have_roles
        a_workflow_owns_its_nodes
    }
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
        a_server_is_known_with_its_applications
    }
    assignment {
        what_nobody_has_is_taken_and_nothing_else
        what_is_handed_over_can_not_be_written_any_more
        jobs_of_an_application_that_has_left_are_not_saved
        nothing_is_handed_to_a_server_that_is_gone
        without_a_lease_nothing_is_taken_or_given
        servers_see_what_others_say_of_themselves
    }
    job {
        a_job_comes_back_as_it_was_saved
        a_save_on_an_old_base_is_refused
        a_change_calls_off_what_was_made_ahead
        switching_off_and_deleting
        a_copy_is_off_and_named_so
        the_history_keeps_every_definition
        lists_are_filtered_and_sorted_and_cut
        a_kind_of_ours_is_kept_beside_one_that_java_knows
        a_schedule_without_a_further_time_is_switched_off
        unfit_jobs_are_refused
        a_strategy_of_ours_is_hidden_from_java the_parts_of_an_application_are_all_its_jobs
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
    beats {
        the_last_report_of_each_attempt_is_kept_until_its_instance_goes
    }
    retention {
        ages_come_in_the_order_of_rows
        only_finished_instances_are_deleted_with_their_attempts
        an_instance_of_an_open_workflow_run_stays
        applications_that_are_gone_are_found
        replaced_definitions_are_found_and_those_in_use_are_known
        a_deleted_job_goes_when_nothing_of_it_is_left
        sessions_that_ended_are_deleted
    }
    task_journal {
        parts_are_kept_once_and_in_their_order
        only_the_present_attempt_writes_and_reads
        a_journal_that_grows_too_long_is_given_up
        long_journals_are_read_piece_by_piece
        journals_go_when_their_instance_has_ended
        journals_are_fenced
    }
    worker_order {
        the_last_order_counts_and_its_revision_grows
    }
    open {
        what_was_written_is_there_after_opening_again
        a_newer_database_is_refused
    }
    })* };
}

contract! { sqlite postgres mariadb }

/// What holds where several servers share a database.
macro_rules! shared {
    ($($backend:ident $group:ident)*) => { $(suite! { $backend $group:
    race {
        servers_that_start_at_once_make_the_tables_once
        a_name_has_one_living_server
        an_application_is_claimed_by_one_of_two
        a_zombie_writes_nothing_after_a_take_over
        a_take_over_parts_the_writes_of_two_owners
        one_of_two_gets_a_trigger_key
    }
    connections {
        a_read_whose_connection_has_ended_is_asked_again
        a_renewal_whose_connection_has_ended_is_sent_again
        a_transaction_whose_connection_has_ended_begins_again
        a_batch_whose_connection_has_ended_is_written_again
    }
    })* };
}

shared! { postgres postgres_shared mariadb mariadb_shared }

// What only this database is picky about.
suite! { mariadb mariadb_alone:
    packet {
        a_batch_longer_than_a_packet_is_parted
        a_write_longer_than_a_packet_is_refused_alone
    }
}

// What only a database that one process has to itself does.
suite! { sqlite sqlite_alone:
    open {
        a_second_process_is_refused
        a_clear_word_for_every_bad_path
    }
    writer {
        the_log_does_not_grow_without_end
    }
}
