//! Makes the JavaScript of a wasm library, as the command `wasm-bindgen` does.
//!
//! That command belongs to a package with a test runner and an HTTP client, which take minutes to
//! compile.
#![forbid(unsafe_code)]

use std::env;
use std::process::ExitCode;

use wasm_bindgen_cli_support::Bindgen;

fn main() -> ExitCode {
    let mut args = env::args_os().skip(1);
    let (Some(wasm), Some(folder), None) = (args.next(), args.next(), args.next()) else {
        eprintln!("usage: mydht-bindgen LIBRARY.wasm FOLDER");
        return ExitCode::from(2);
    };
    let made = Bindgen::new().web(true).and_then(|bindgen| {
        bindgen
            .input_path(&wasm)
            .out_name("mydht")
            // The page calls `init` without a path.
            .omit_default_module_path(false)
            .typescript(true)
            // Names of functions are a quarter of the download.
            .remove_name_section(true)
            .remove_producers_section(true)
            .generate(&folder)
    });
    match made {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let wasm = wasm.display();
            eprintln!("error: cannot make the JavaScript of {wasm}: {error:#}");
            ExitCode::FAILURE
        }
    }
}
