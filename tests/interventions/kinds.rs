//! Kinds are read and written by their own names and by pyvene's.

use intervene::interventions::{Kind, Needs};

#[test]
fn kinds_have_names() {
    for kind in Kind::ALL {
        assert_eq!(kind.name().parse::<Kind>().unwrap(), kind);
        assert_eq!(kind.pyvene().parse::<Kind>().unwrap(), kind);
        assert_eq!(serde_json::to_string(&kind).unwrap(), format!("\"{kind}\""));
    }
    assert!("boundless_rotated_spce".parse::<Kind>().unwrap_err().to_string().contains("boundless_rotated_space"));
    assert_eq!(Kind::Skip.needs(), Needs::Input);
    assert_eq!(Kind::Zero.needs(), Needs::Nothing);
    assert_eq!(Kind::BoundlessRotatedSpace.needs(), Needs::Source);
}
