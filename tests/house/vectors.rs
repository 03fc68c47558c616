//! Worked examples and laws of the specification: each has a test, found by name.
//!
//! Ids are those of the specification's list of vectors, `e` and a number those of its errata.

use std::collections::BTreeSet;

use crate::source::rust_files;

/// Vector and its test.
const VECTORS: &[(&str, &str)] = &[
    ("C1_linear", "c1_linear"),
    ("C1_linear_usd", "c1_linear"),
    ("C2_inverse", "c2_inverse"),
    ("C2_avg_entry", "c2b_average_entry_is_harmonic_for_inverse"),
    ("C3_quanto", "c3_quanto_and_its_cross_gamma"),
    ("C3_cross", "c3_quanto_and_its_cross_gamma"),
    ("M_tiers", "m1_deductions_make_the_schedule_continuous"),
    ("M_mm", "m2_maintenance"),
    ("L1_linear_long", "l1_linear"),
    ("L1_linear_short", "l1_linear"),
    ("L2_inverse_mark", "l2_inverse"),
    ("L2_inverse_entry_bybit", "l2_inverse"),
    ("L2_inverse_short_1x", "l2c_a_fully_collateralised_short_has_none"),
    ("L3_quanto", "l3_quanto"),
    ("N1_quote", "n1_the_sign_flips_when_the_stablecoin_is_converted"),
    ("N2_funding", "n2_rates_of_different_intervals_compare_as_apr"),
    ("N3_oi", "n3_a_change_is_flow_price_and_both"),
    ("N4_saturation", "n4_saturation"),
    ("S1_ewma", "s1_ewma"),
    ("S2_decay_sum", "s2_decayed_sum"),
    ("S3_robz", "s3_robust_z"),
    ("A_arb", "a6_cross_venue_arb_gross_and_net"),
    ("A_prem", "a4_premium"),
    ("A_coll", "a8_collateral_price_gap"),
    ("B_oiw", "b3_open_interest_weighs_funding"),
    ("B_basis", "b5_basis_simple_and_logarithmic"),
    ("B_cap", "b6_cap_above_and_floor_below"),
    ("B_iv", "b7_iv_gap_from_quotes_of_two_venues"),
    ("B_surf", "b8_distance_of_two_surfaces"),
    ("A_disp", "a5_dispersion"),
    ("A_loo", "a1_leave_one_out_gaps"),
    ("C_ctt", "c7_fragmentation_cost_of_12_units"),
    ("C_ctt_usd800", "c6_cost_to_trade_800_usd"),
    ("C_hhi", "c10_c11_concentration_and_effective_venues"),
    ("C_drop", "c3_depth_drop"),
    ("C_resil", "c5_half_life"),
    ("C_kyle", "c12_kyle_lambda"),
    ("C_amihud", "c13_amihud"),
    ("D_hy", "d1_hayashi_yoshida"),
    ("D_ll", "d2_lead_lag"),
    ("D_is", "d4_information_share"),
    ("E_oi_depth", "e4_open_interest_over_depth"),
    ("E_tv", "e3_shares_that_move"),
    ("E_bound", "e8_bound_of_three_venues"),
    ("F_hawkes", "f4_branching_of_counts"),
    ("F_liq", "f2_flush_of_five_minutes"),
    ("F_cover", "f9_is_against_what_would_be_owed_without_an_end_of_funds"),
    ("F_adl", "f12_adl_rank"),
    ("G_gap", "g1_gap_in_times_doublings_and_sigma"),
    ("G_mmr", "g2_divergence_over_the_ladder"),
    ("G_net", "g8_h6_capital_efficiency_and_netting_benefit"),
    ("G_convex", "g9_and_g10"),
    ("G_conc", "g9_and_g10"),
    ("H_liq", "h5_cash_collateral"),
    ("H_liq_btc", "h5_coin_collateral_falls_along"),
    ("H_wwr", "h8_wrong_way_share"),
    ("H_lev", "h1_h2_h3_gross_net_leverage"),
    ("H_settle_calm", "g11_settlement_race"),
    ("H_settle_stress", "g11_settlement_race"),
    ("H_span", "h9_scenario_loss"),
    ("H_carry", "h11_funding_of_a_day"),
    ("I_lat", "i2_latency_quantiles_use_the_nearest_rank"),
    ("I_cov", "i5_coverage"),
    ("J_ciss", "j_index_and_its_parts"),
    ("J_z", "j_score"),
    ("J_G", "j_materiality"),
    ("J_lam", "j_half_life_of_a_quarter_of_an_hour"),
    ("J_ar", "j2_three_assets_with_the_same_correlation"),
    ("RTB", "g4_within_and_between"),
    ("HL_update", "hl_update"),
    ("HL_liq", "hl_liq"),
    ("HL_manski", "e8_bound_of_three_venues"),
    ("T1 jump5 h1 eta.5", "t1_a_gap_that_the_books_take"),
    ("optimistic", "t2_optimistic"),
    ("central", "t2_central_breaks_the_thin_venue"),
    ("pessimistic", "t2_pessimistic_reaches_the_other_venue"),
    ("central ramp10", "t2_ramp_of_ten_steps"),
    ("central ramp10 refill", "t2_ramp_of_ten_steps"),
    ("T2 jump5 h.5 eta.5", "t2_with_half_of_the_move_lasting"),
    ("e1", "e2_contracts_of_an_inverse_series_do_not_move_with_the_price"),
    ("e5", "a_level_is_worth_what_its_payoff_says"),
    ("e10", "l2_inverse"),
    ("e11", "l1_on_entry"),
    ("e12", "l1_linear"),
    ("e14", "the_cap_algorithm_of_erratum_14"),
    ("e32 B4", "b4_burden_net_and_gross"),
    ("e33", "f8_is_valued_at_bankruptcy_prices"),
    ("e34", "f9_is_against_what_would_be_owed_without_an_end_of_funds"),
    ("H_exit", "h12_twelve_units_on_a"),
    ("C4", "c4_depth_imbalance"),
    ("C8", "c8_silo_cost"),
    ("C9", "c9_access_cost_of_one_venue"),
    ("F11", "f11_the_grid_is_not_monotone_and_is_scanned"),
    ("liq_forecast_cover", "liq_forecast_cover"),
];

/// Vectors of figures that do not exist here.
const NOT_BUILT: &[(&str, &str)] = &[
    ("C_ent", "n_eff_venues is 1 / HHI; the form by entropy is not published"),
    ("E_elr", "no source tells exchange reserves or market capitalisation"),
    ("F_bpmove", "what a fund lacks is seen in insurance_cover only"),
    ("HL_hl_share", "a figure of the literature behind the prior"),
    ("SB", "no what-if yet"),
    ("J_en", "no claims between venues are public"),
];

/// Vectors in the specification's list.
const LISTED: usize = 86;

/// Law and its tests. METRICS.md §12, in its order.
const LAWS: &[(&str, &[&str])] = &[
    (
        "permuting venues changes nothing",
        &["permuting_venues_changes_nothing", "names_and_order_of_venues_change_nothing"],
    ),
    (
        "scaling all prices, sizes in money and thresholds changes no distance, share or cost (erratum 42)",
        &["scaling_all_prices_leaves_distances_alone", "scaling_and_permuting_change_nothing"],
    ),
    (
        "scaling all currencies leaves gaps between converted prices (erratum 42)",
        &["pairs_are_antisymmetric_and_blind_to_the_unit_of_money"],
    ),
    ("a stale venue more changes only coverage", &["a_stale_venue_more_changes_only_coverage"]),
    ("gap(a,b) = -gap(b,a)", &["pairs_are_antisymmetric_and_blind_to_the_unit_of_money"]),
    ("1/n <= HHI <= 1", &["concentration_lies_between_equal_shares_and_one", "figures_keep_their_order"]),
    (
        "all books as one cost no more than the cheapest, a larger size no less",
        &["merged_books_cost_least_and_more_costs_more", "figures_keep_their_order"],
    ),
    ("a wider band holds no less", &["figures_keep_their_order"]),
    ("marginal maintenance is continuous and never falls", &["maintenance_is_continuous_and_never_falls"]),
    (
        "equity is the maintenance margin at the liquidation price, bankruptcy lies beyond it",
        &["equity_is_the_margin_where_it_is_liquidated_and_bankruptcy_lies_beyond"],
    ),
    ("linear and inverse gain alike on small moves", &["linear_and_inverse_gain_alike_on_small_moves"]),
    ("parts of a change of open interest add up", &["parts_sum_to_the_change_and_order_changes_nothing"]),
    ("within and between add up", &["g4_sums_exactly"]),
    (
        "contributions add up, sqrt(sum y^2) <= I <= sum y",
        &["laws_hold_for_any_scores", "shares_add_up_however_they_are_grouped"],
    ),
    (
        "what is closed is filled or deleveraged, the rest is untouched, funds never below zero",
        &["what_is_closed_is_filled_or_deleveraged"],
    ),
    ("no shock is no amplification", &["no_shock_is_no_amplification"]),
    (
        "a session replayed twice gives identical bytes",
        &[
            "two_replays_export_the_same_metrics_byte_for_byte",
            "a_seek_gives_the_metrics_of_straight_play_byte_for_byte",
            "a_replay_gives_the_alerts_of_the_live_session_byte_for_byte",
        ],
    ),
    (
        "a lost feed never lowers the index by more than its sub-index weighs without a word",
        &[
            "one_sub_index_never_takes_more_than_its_weight",
            "a_lost_venue_never_lowers_the_index_by_more_than_a_sub_index_weighs",
        ],
    ),
];

/// Names of all tests.
fn tests() -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    for file in rust_files("src").into_iter().chain(rust_files("tests")) {
        let mut is_test = false;
        for line in file.text.lines().map(str::trim) {
            if line == "#[test]" {
                is_test = true;
            } else if let Some(name) = line.strip_prefix("fn ").and_then(|l| l.split('(').next())
                && std::mem::take(&mut is_test)
            {
                names.insert(name.to_string());
            }
        }
    }
    names
}

/// Catches: an example of the specification that nobody checks, or whose test was renamed or lost.
#[test]
fn every_vector_has_a_test_of_its_name() {
    let tests = tests();
    let ids: BTreeSet<&str> = VECTORS.iter().chain(NOT_BUILT).map(|v| v.0).collect();
    assert_eq!(ids.len(), VECTORS.len() + NOT_BUILT.len(), "an id stands twice");
    let lost: Vec<_> = VECTORS.iter().filter(|(_, test)| !tests.contains(*test)).collect();
    assert!(lost.is_empty(), "no such test: {lost:?}");
    let own = |id: &&str| id.starts_with('e') && id.as_bytes()[1].is_ascii_digit();
    let cards = ["C4", "C8", "C9", "F11", "liq_forecast_cover"];
    let listed = ids.iter().filter(|id| !own(id) && !cards.contains(id)).count();
    assert_eq!(listed, LISTED, "vectors of the list");
}

/// Catches: a law that is written down and never tried.
#[test]
fn every_law_has_a_test() {
    let tests = tests();
    let lost: Vec<_> = LAWS.iter().flat_map(|l| l.1).filter(|test| !tests.contains(**test)).collect();
    assert!(lost.is_empty(), "no such test: {lost:?}");
}
