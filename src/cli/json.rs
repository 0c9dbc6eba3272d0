//! Results as JSON.

use serde::Serialize;

/// A value as one line of JSON.
pub fn to_json<T: Serialize + ?Sized>(value: &T) -> String {
    serde_json::to_string(value).expect("numbers and names make JSON")
}
