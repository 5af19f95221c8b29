# SPDX-License-Identifier: Apache-2.0
"""Every attack that the suite has to withstand, and the tests that make it. A name that is not there fails.

Files: test_trust_attacks_<file>.py. Nearly all are made with the defect in the poll's answer and under /tuf/."""

import ast
import pathlib
import re

import pytest

ATTACKS = {
    # ---- a byte flipped in each file ----
    "byte flipped in the pinned root": "metadata::test_a_flipped_bit_in_the_pinned_root",
    "byte flipped in the root chain": "metadata::test_a_flipped_bit_in_a_root",
    "byte flipped in timestamp, snapshot, targets, campaigns": "metadata::test_a_flipped_bit_in_metadata",
    "byte flipped in a signature of them": "metadata::test_a_flipped_bit_in_a_signature",
    "byte flipped in the policy": "metadata::test_a_flipped_bit_in_the_policy",
    "byte flipped in the envelope": "metadata::test_a_flipped_bit_in_the_envelope",
    "byte flipped in an artifact": "envelope::test_a_flipped_bit_in_an_artifact",
    # ---- versions ----
    "timestamp rolled back": "metadata::test_an_old_timestamp",
    "snapshot, targets, campaigns rolled back": "metadata::test_an_old_file_below_a_new_timestamp",
    "role dropped from the snapshot": "metadata::test_a_role_dropped_from_the_snapshot",
    "each role expired": "metadata::test_expired",
    "root expired": "metadata::test_an_expired_root",
    "same version with other content": "metadata::test_the_same_version_with_other_content",
    "same root version with other content": "metadata::test_the_same_root_version_with_other_content",
    "old campaigns with a new snapshot": "metadata::test_old_campaigns_with_a_new_snapshot",
    "old snapshot with a new timestamp": "metadata::test_an_old_snapshot_with_a_new_timestamp",
    "fast-forward, mended by rotation": "metadata::test_fast_forward_of_timestamp_and_snapshot",
    "fast-forward of campaigns, mended by rotation": "metadata::test_fast_forward_of_campaigns",
    # ---- the root chain ----
    "root signed only by the new or only by the old keys": "metadata::test_a_root_that_is_not_signed_by_both",
    "root version skipped": "metadata::test_a_skipped_root",
    "root of another version than its name": "metadata::test_a_root_that_is_not_the_next_one",
    "root chain without end": "metadata::test_a_root_chain_without_end",
    # ---- thresholds ----
    "threshold met by one key under two ids": "form::test_a_threshold_met_by_one_key_under_two_ids",
    "threshold of a root met by one key under two ids": "form::test_a_root_threshold_met_by_one_key_under_two_ids",
    "same keyid twice": "form::test_the_same_keyid_twice_among_the_signatures",
    "same keyid twice in a root": "form::test_a_root_with_the_same_keyid_twice",
    "threshold 0, and key lists that are wrong": "form::test_the_keys_of_a_root",
    "threshold 0 in the delegation": "form::test_the_keys_of_the_delegation",
    # ---- form ----
    "wrong _type": "form::test_a_wrong_type",
    "wrong _type of a root": "form::test_a_root_of_a_wrong_type",
    "other spec major": "form::test_another_major_version_of_the_specification",
    "duplicate keys, floats, integers over 2^53, deep nesting, byte order mark": "form::test_the_form_of_the_timestamp",
    "the same in the others": "form::test_the_form_of_the_others",
    "the same in a root": "form::test_the_form_of_a_root",
    "delegation listing policy/…": "form::test_a_delegation_of_more_than_campaigns",
    "campaigns listing policy/…": "form::test_campaigns_that_list_a_policy",
    "endless data as metadata": "form::test_endless_metadata",
    "endless data as a target": "form::test_endless_targets",
    "endless data as an answer": "form::test_an_endless_poll",
    "slow drip": "form::test_a_slow_drip_is_cut_off",
    # ---- envelopes ----
    "k-1 signatures": "envelope::test_fewer_signatures_than_the_class_asks_for",
    "one author twice": "envelope::test_one_author_twice",
    "one author under two keyids": "envelope::test_one_author_under_two_keyids",
    "revoked author": "envelope::test_a_revoked_author",
    "revoked author, with the policy of before": "envelope::test_an_old_policy_with_a_revoked_author",
    "swapped payload type": "envelope::test_a_swapped_payload_type",
    "TUF signature offered as DSSE": "envelope::test_a_tuf_signature_offered_as_dsse",
    "DSSE envelope offered as TUF metadata": "envelope::test_a_dsse_envelope_in_the_place_of_metadata",
    "envelope under another name": "envelope::test_an_envelope_under_another_name",
    "another trust domain": "envelope::test_another_trust_domain",
    "another trust domain altogether": "envelope::test_everything_of_another_trust_domain",
    "expired campaign": "envelope::test_an_expired_campaign",
    "campaign not yet valid": "envelope::test_a_campaign_that_is_not_yet_valid",
    "superseded campaign": "envelope::test_a_superseded_campaign",
    "revoked campaign": "envelope::test_a_revoked_campaign",
    "class above the authors": "envelope::test_a_class_above_the_authors",
    # ---- the tree ----
    "file that does not match require": "envelope::test_a_file_that_does_not_match_require",
    ".. in a path": "envelope::test_a_path_that_leads_out",
    "symbolic link, hard link out of the root, device node, FIFO": "envelope::test_what_is_no_file_of_its_own",
    "folder that is a link": "envelope::test_a_folder_that_is_a_link_out_of_the_root",
    # ---- all online keys stolen ----
    "stolen: new campaign": "stolen::test_a_campaign_of_the_thiefs_own",
    "stolen: widened match": "stolen::test_a_campaign_that_was_widened",
    "stolen: changed policy": "stolen::test_another_policy_under_the_owners_targets",
    "stolen: targets of the thief's own": "stolen::test_targets_of_the_thiefs_own",
    "stolen: policy listed by campaigns": "stolen::test_a_policy_in_the_list_of_campaigns",
    "stolen: root of the thief's own": "stolen::test_a_root_of_the_thiefs_own",
    "stolen: replay to a machine that match excludes": "stolen::test_a_replay_to_a_machine_that_match_excludes",
    "stolen: after the rotation": "stolen::test_after_the_rotation_the_stolen_keys_sign_nothing",
    # ---- time ----
    "freeze: none for ever": "time::test_a_server_that_shows_the_same_for_ever",
    "freeze: nothing new": "time::test_a_server_that_gives_nothing_new",
    "server_time far in the future": "time::test_a_server_from_the_future",
    "server_time far in the past": "time::test_a_server_from_another_age",
    "fast-forward of time, mended by rotation": "time::test_fast_forward_of_time",
    # ---- the server and its signer ----
    "database: envelope not signed by authors": "server::test_an_envelope_that_authors_did_not_sign",
    "database: state of a draft": "server::test_a_draft_that_is_said_to_be_in_force",
    "database: state of an expired campaign": "server::test_an_expired_campaign_is_said_to_be_in_force",
    "database or files: policy replaced": "server::test_a_replaced_policy",
    "database: newer targets forgotten": "server::test_a_revoked_campaign_does_not_come_back_with_the_old_targets",
    "restored older database": "server::test_a_restored_older_database",
    "restored older state": "server::test_a_restored_older_state_without_the_marks",
    "replaced public files": "server::test_replaced_public_files",
    "daemon taken over: envelopes": "signer::test_an_envelope_is_not_listed",
    "daemon taken over: policy": "signer::test_another_policy",
    "daemon taken over: targets": "signer::test_other_targets",
    "daemon taken over: root": "signer::test_another_root",
    "daemon taken over: older targets": "signer::test_older_targets",
    "daemon taken over: older files": "signer::test_older_files_than_those_given_away",
    "daemon taken over: versions": "signer::test_whatever_it_is_told_no_version_comes_twice",
    "lost marks": "server::test_lost_marks",
    "half damaged marks": "server::test_marks_of_which_one_part_is_damaged",
    "damaged marks": "server::test_damaged_marks",
    "signer killed": "server::test_a_signer_that_was_killed",
    "signer that does not answer": "server::test_a_stopped_signer_holds_up_no_halt",
}

CONTROLS = {"metadata": "test_without_a_defect_it_applies", "stolen": "test_the_control",
            "envelope": "test_the_same_tree_without_oddities",
            "server": "test_what_was_in_force_is_in_force_after_a_restart"}


def found_in(file):
    source = pathlib.Path(__file__).with_name(f"test_trust_attacks_{file}.py").read_text()
    return {node.name: ast.get_source_segment(source, node) for node in ast.parse(source).body
            if isinstance(node, ast.FunctionDef) and node.name.startswith("test_")}


@pytest.mark.parametrize("attack", ATTACKS)
def test_the_attack_has_its_test(attack):
    file, _, name = ATTACKS[attack].partition("::")
    assert name in found_in(file), f"{attack}: test_trust_attacks_{file}.py has no {name}"


def test_each_file_has_its_control():
    for file, name in CONTROLS.items():
        assert name in found_in(file)


def test_attacks_on_the_client_end_with_the_control():
    """Or say by themselves what is applied: an attack that is refused because of something else proves nothing."""
    proof = re.compile(r"control\(|healed\(|still_helps\(|attack\(|attack_root\(|refused_now_and_good_later\(|again\(|"
                       r"\"applied\"|bad_is_gone|tree\.|outside|not_applicable|unable\(\"timestamp\", \"expired\"\)|"
                       r"server")
    for file in ("metadata", "form", "envelope", "time", "stolen"):
        for name, source in found_in(file).items():
            assert proof.search(source), f"{file}::{name} has no control"
