// SPDX-License-Identifier: EUPL-1.2
//! Every setting has an effect: another value makes other settings, and a test shows what that does. The list is that of
//! the program, so that a setting that is added without a row here is missed.

use std::collections::BTreeSet;
use std::path::Path;

use octroi::config::{Settings, keys};

use crate::path::nothing_in_silence::assert_test;

/// Another value than the default (what else must stand beside it), and the test that shows the effect.
type Row = (&'static str, &'static str, &'static str, &'static str, &'static str);

const CONNECTIONS: &str = "tests/suite/path/connections.rs";
const TLS: &str = "tests/suite/path/tls.rs";
const CERTIFICATES: &str = "tests/suite/path/certificates.rs";
const PEERS: &str = "tests/suite/path/trusted_peers.rs";
const SILENCE: &str = "tests/suite/path/nothing_in_silence.rs";
const FILES: &str = "tests/suite/config/files.rs";
const SHOWN: &str = "tests/suite/path/shown.rs";
const KEEP: &str = "tests/suite/store/keep.rs";
const SWEEP: &str = "tests/suite/store/sweep.rs";
const COMPOSING: &str = "tests/suite/notices/composing.rs";

#[rustfmt::skip] // one line each
const ROWS: &[Row] = &[
    ("smtp.listen", r#"["127.0.0.1:2525"]"#, "", SILENCE, "a_stranger_is_turned_away_with_a_line"),
    ("smtp.upstream", r#""127.0.0.1:2526""#, "", SILENCE, "a_next_hop_that_is_away_is_told_everywhere"),
    ("smtp.clients", r#"["10.0.0.0/8"]"#, "", SILENCE, "a_stranger_is_turned_away_with_a_line"),
    ("smtp.client_certs", r#""ca.pem""#, CLIENT_TLS, CERTIFICATES, "a_certificate_lets_a_stranger_in_and_names_the_sender"),
    ("smtp.hostname", r#""gate.example.org""#, "", CONNECTIONS, "a_next_hop_with_our_own_name_is_a_loop"),
    ("smtp.relay_for", r#"["agency.example"]"#, "", "tests/suite/path/who_may_speak.rs", "domains_named_in_relay_for_may_send"),
    ("smtp.max_size", r#""1 MiB""#, "", "tests/suite/path/chunking.rs", "a_chunk_beyond_the_limit_is_read_and_thrown_away"),
    ("smtp.max_recipients", "200", "", "tests/suite/path/live_transcripts.rs", "every_transcript_goes_as_written_over_a_socket"),
    ("smtp.max_connections", "300", "", CONNECTIONS, "idle_clients_disturb_nobody_and_one_address_has_only_so_many"),
    ("smtp.max_connections_per_client", "20", "", CONNECTIONS, "idle_clients_disturb_nobody_and_one_address_has_only_so_many"),
    ("smtp.bare_newline", r#""pass""#, "", "tests/suite/path/chunking.rs", "a_lone_newline_goes_by_bdat_or_not_at_all"),
    ("smtp.auth", r#""pass""#, CLIENT_TLS, "tests/suite/path/login.rs", "who_logged_in_at_the_hop_is_the_sender_and_nothing_of_it_stays"),
    ("smtp.login_domain", r#""exemple.example""#, "", PEERS, "a_bare_login_is_completed_or_compared"),
    ("smtp.trusted_peers.received", r#"["10.0.0.1"]"#, "", PEERS, "the_authenticated_sender_of_a_trusted_received_field_is_the_sender"),
    ("smtp.trusted_peers.xclient", r#"["10.0.0.1"]"#, "", PEERS, "the_login_of_xclient_is_the_sender"),
    ("smtp.trusted_peers.xforward", r#"["10.0.0.1"]"#, "", PEERS, "xforward_goes_on_before_every_mail"),
    ("smtp.trusted_peers.proxy", r#"["10.0.0.1"]"#, "", PEERS, "whom_the_balancer_names_is_the_client"),
    ("smtp.tls.mode", r#""required""#, KEY_PAIR, TLS, "a_client_speaks_tls_and_must_where_it_is_required"),
    ("smtp.tls.listen", r#"["127.0.0.1:10465"]"#, CLIENT_TLS, TLS, "a_client_speaks_tls_and_must_where_it_is_required"),
    ("smtp.tls.certificate", r#""other.pem""#, r#"smtp.tls = { mode = "required", key = "k.pem" }"#, CERTIFICATES, "a_new_certificate_is_shown_after_a_reload_and_open_sessions_stay"),
    ("smtp.tls.key", r#""other.pem""#, r#"smtp.tls = { mode = "required", certificate = "c.pem" }"#, CERTIFICATES, "a_new_certificate_is_shown_after_a_reload_and_open_sessions_stay"),
    ("smtp.upstream_tls.mode", r#""verified""#, "", TLS, "the_next_hop_is_who_its_certificate_says_or_gets_nothing"),
    ("smtp.upstream_tls.name", r#""relay.example.org""#, UPSTREAM_TLS, TLS, "the_next_hop_is_who_its_certificate_says_or_gets_nothing"),
    ("smtp.upstream_tls.ca", r#""ca.pem""#, UPSTREAM_TLS, TLS, "the_next_hop_is_who_its_certificate_says_or_gets_nothing"),
    ("smtp.timeouts.command", r#""1min""#, "", CONNECTIONS, "a_line_drawn_out_octet_by_octet_has_only_the_time_of_one_line"),
    ("release.via", r#""127.0.0.1:10028""#, "", "tests/suite/path/signed_behind_the_milter.rs", "through_postfix_all_leaves_signed_and_is_held_once"),
    ("milter.listen", r#"["inet:127.0.0.1:10027"]"#, "", "tests/suite/path/milter_door.rs", "miltertest_hears_each_answer"),
    ("store.url", r#""sqlite:other.db""#, "", FILES, "a_store_that_cannot_be_written_is_told"),
    ("store.blobs", r#""file:other""#, "", FILES, "a_store_that_cannot_be_written_is_told"),
    ("store.key", r#""file:other.key""#, "", FILES, "a_store_without_its_key_is_never_given_a_new_one"),
    ("store.node", r#""gate-1""#, "", "tests/suite/store/claim.rs", "another_name_is_no_way_round_the_lock"),
    ("store.quota", r#""1 GiB""#, "", KEEP, "holds_are_refused_near_the_quota_and_the_warning_comes_before"),
    ("store.keep_free", r#""1 GiB""#, "", "tests/suite/store/health.rs", "a_disk_with_too_little_room_holds_nothing_more"),
    ("lists.path", r#""members""#, "", "src/store/members.rs", "exports_stand_side_by_side_and_a_new_one_takes_the_place_of_its_label"),
    ("lists.key", r#""file:other.key""#, "", "src/store/members.rs", "members_of_a_lost_key_and_damaged_ones_are_told"),
    ("lists.canaries", r#""stock.txt""#, "", "tests/suite/path/lists.rs", "an_export_has_canaries_that_only_the_officer_sees"),
    ("campaigns.mode", r#""observe""#, "", "tests/suite/path/campaigns.rs", "observed_campaigns_are_told_and_pass"),
    ("retention.quarantine", r#""20d""#, "", SWEEP, "what_expires_goes_in_small_writes"),
    ("retention.warning", r#""2d""#, "", "tests/suite/notices/followup.rs", "who_is_warned_hears_five_days_before_and_again_at_the_end"),
    ("retention.journal", r#""90d""#, "", "tests/suite/store/find.rs", "the_journal_expires"),
    ("retention.audit", r#""900d""#, "", "tests/suite/store/audit.rs", "expiry_leaves_a_checkpoint_and_the_chain_goes_on"),
    ("retention.outbox", r#""3d""#, "", "tests/suite/store/courier.rs", "after_five_days_the_sender_hears_of_it"),
    ("web.listen", r#""127.0.0.1:8026""#, "", CONNECTIONS, "a_request_is_bounded"),
    ("metrics.listen", r#""127.0.0.1:9025""#, "", SILENCE, "metrics_have_an_address_of_their_own_where_it_is_set"),
    ("metrics.clients", r#"["10.20.0.7"]"#, "", "src/listen/http.rs", "metrics_are_for_this_machine_and_its_clients"),
    ("policies.path", r#""other""#, "", FILES, "a_missing_policy_folder_is_told_even_where_it_is_the_default"),
    ("policies.mode", r#""observe""#, r#"policies = { until = "2999-12-31" }"#, SILENCE, "every_metric_moves"),
    ("policies.until", r#""2999-12-30""#, r#"policies = { mode = "observe" }"#, "tests/suite/config/settings.rs", "observing_has_a_last_day_and_ends_by_itself"),
    ("house.name", r#""Ministère""#, "", "tests/suite/notices/owed.rs", "a_notice_says_whose_it_is_and_which_mail_it_is_about"),
    ("house.contact", r#""a@example.org""#, "", "tests/suite/notices/owed.rs", "a_notice_says_whose_it_is_and_which_mail_it_is_about"),
    ("desk.four_eyes", "false", "", "tests/suite/desk/two_persons.rs", "one_suffices_where_no_rule_asks_for_two_or_the_settings_say_so"),
    ("notices.language", r#""nl""#, "", COMPOSING, "a_language_without_texts_gives_way"),
    ("notices.charter", r#""https://intranet.example.org/x""#, "", COMPOSING, "every_text_leaves_whole_for_every_outcome"),
    ("notices.noted_every", r#""2d""#, "", "tests/suite/notices/owed.rs", "what_was_noted_is_told_once_a_day_for_each_sender_and_rule"),
    ("notices.digest_to", r#"["a@example.org"]"#, "", "tests/suite/notices/digest.rs", "a_day_is_told_once_in_counts_and_not_again_after_a_restart"),
    ("dns.static", r#""mx.json""#, "", FILES, "users_and_dns_files_are_looked_up"),
    ("log.format", r#""json""#, "", "src/listen/log.rs", "the_json_line_is_json_whatever_the_mail_says"),
    ("log.level", r#""warn""#, "", "src/listen/log.rs", "a_level_above_info_silences_recipients"),
    ("limits.memory", r#""64 MiB""#, "", SILENCE, "every_metric_moves"),
    ("limits.reading", r#""64 MiB""#, "", "tests/suite/path/memory.rs", "a_mail_without_room_is_deferred_and_the_next_finds_it"),
    ("limits.worker_memory", r#""512 MiB""#, "", "tests/suite/document/workers.rs", "a_worker_has_the_memory_that_the_settings_give_it"),
    ("limits.inspection", r#""20s""#, "", "tests/suite/path/late.rs", "a_mail_that_takes_too_long_to_read_is_held"),
    ("limits.next_hop", r#""20s""#, "", "tests/suite/path/next_hop_faults.rs", "a_hop_that_never_answers_the_content_is_given_up"),
    ("limits.ocr", "false", "", "src/worker/pictures.rs", "pictures_that_nobody_may_read_are_said_to_be_unread"),
    ("smtp.client", r#""submission""#, "", SHOWN, "what_is_put_off_where_nobody_sends_again_is_warned_of"),
    ("smtp.pool.size", "7", "", "tests/suite/path/pool.rs", "a_transaction_waits_for_a_connection_that_another_has"),
    ("smtp.pool.idle", r#""7s""#, "", SHOWN, "a_connection_that_was_idle_too_long_is_not_used_again"),
    ("smtp.timeouts.data", r#""1min""#, "", SHOWN, "a_content_that_stops_coming_is_given_up"),
    ("house.time_zone", r#""Africa/Casablanca""#, "", "tests/suite/notices/owed.rs", "a_notice_says_whose_it_is_and_which_mail_it_is_about"),
    ("notices.from", r#""a@example.org""#, "", "tests/suite/notices/owed.rs", "a_notice_says_whose_it_is_and_which_mail_it_is_about"),
    ("notices.digest_at", r#""08:15""#, "", "tests/suite/notices/digest.rs", "the_digest_comes_at_its_time_of_day"),
    ("dns.server", r#""127.0.0.1:5353""#, "", SHOWN, "the_name_server_that_is_set_is_asked"),
    ("log.target", r#""stdout""#, "", SHOWN, "the_log_goes_where_it_is_set"),
    ("limits.connect", r#""3s""#, "", SHOWN, "a_next_hop_that_never_takes_the_connection_is_left_in_time"),
    ("limits.workers", "5", "", SHOWN, "no_more_workers_than_are_set"),
    ("cli.socket", r#""other.sock""#, "", "tests/suite/config/control.rs", "no_gateway_is_said_plainly"),
    ("cli.accounts", "{}", "", "tests/suite/config/control.rs", "an_operator_sees_counts_and_no_copy"),
];

/// Those that have one value only, any other of which is refused.
const CONSTANT: &[&str] = &["shared.url"];

const KEY_PAIR: &str = r#"smtp.tls = { certificate = "c.pem", key = "k.pem" }"#;
const CLIENT_TLS: &str = r#"smtp.tls = { mode = "required", certificate = "c.pem", key = "k.pem" }"#;
const UPSTREAM_TLS: &str = r#"smtp.upstream_tls = { mode = "verified" }"#;

#[test]
fn every_setting_has_a_row() {
    let known: BTreeSet<&str> = keys::all().iter().map(|key| key.path).collect();
    let rows = ROWS.iter().map(|row| row.0).chain(CONSTANT.iter().copied());
    let named: BTreeSet<&str> = rows.clone().collect();
    assert_eq!(known, named);
    assert_eq!(rows.count(), named.len(), "a setting has two rows");
    for (path, _, _, file, test) in ROWS {
        println!("{path}: {file} {test}");
        assert_test(file, test);
    }
}

/// Settings of a key with this value, and of the same file without it.
fn with_and_without(path: &str, value: &str, beside: &str) -> (Settings, Option<Settings>) {
    let read = |text: &str| {
        let loaded = octroi::config::parse(text, Path::new("/etc/octroi/octroi.toml"), std::iter::empty());
        loaded.map(|loaded| loaded.settings)
    };
    // What stands beside it is a table in one line, which takes no further key: the key joins it there.
    let (section, name) = path.rsplit_once('.').unwrap();
    let joined = match beside.strip_prefix(&format!("{section} = {{")) {
        Some(rest) => format!("{section} = {{ {name} = {value},{rest}"),
        None => format!("{path} = {value}\n{beside}"),
    };
    let with = read(&joined).unwrap_or_else(|faults| panic!("{path}: {faults:?}"));
    (with, read(beside).ok())
}

#[test]
fn another_value_makes_other_settings() {
    for (path, value, beside, ..) in ROWS.iter().filter(|row| row.0 != "cli.accounts") {
        let (with, without) = with_and_without(path, value, beside);
        // A file that needs it is none without it.
        assert!(without.is_none_or(|without| without != with), "{path} = {value} changes nothing");
    }
}
