//! The figures of restart in wasm are a test, because that is what runs in Node and in a browser:
//! see tests/.
