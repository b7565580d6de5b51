//! `#[test]` for the binaries that tests/harness runs: it leaves the function as it is, and lists it.

use proc_macro::{TokenStream, TokenTree};

/// Lists the function among the tests that `harness::run` runs, under the path of its module.
#[proc_macro_attribute]
pub fn test(_: TokenStream, function: TokenStream) -> TokenStream {
    let tokens: Vec<TokenTree> = function.clone().into_iter().collect();
    let is_fn = |token: &TokenTree| matches!(token, TokenTree::Ident(ident) if ident.to_string() == "fn");
    let listing = match tokens.iter().position(is_fn).and_then(|at| tokens.get(at + 1)) {
        Some(name) => format!(
            "::inventory::submit! {{ crate::harness::Test {{ \
                path: ::core::concat!(::core::module_path!(), \"::{name}\"), run: {name} }} }}"
        ),
        None => "::core::compile_error!(\"a test is a function without operands\");".to_string(),
    };
    let listing: TokenStream = listing.parse().expect("the listing is Rust");
    [function, listing].into_iter().collect()
}
