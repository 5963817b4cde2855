//! The gateway inside another program: the example of the documentation, run.

#[path = "../../examples/two_gateways.rs"]
mod two_gateways;

#[test]
fn two_gateways_in_one_process_have_their_own_routes_and_exchange_them_under_load() {
    two_gateways::main().unwrap();
}
