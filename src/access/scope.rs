// SPDX-License-Identifier: EUPL-1.2
//! Units as scope: the sender's unit and what is below it (decision D25).

use std::fmt;

/// The units whose mail an account may see.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Scope {
    /// `*`: every unit, and mail whose sender has no known unit.
    All,
    /// These units and those below them.
    Units(Vec<String>),
}

impl Scope {
    /// Reads unit paths; `*` among them is everything.
    pub fn of<'a>(units: impl IntoIterator<Item = &'a str>) -> Scope {
        let units: Vec<String> = units.into_iter().map(|unit| unit.trim().trim_matches('/').to_owned()).collect();
        if units.iter().any(|unit| unit == "*") { Scope::All } else { Scope::Units(units) }
    }

    /// Whether mail of this unit belongs here; `None` is a sender without a known unit, who belongs to `*`.
    ///
    /// A unit without a reviewer of its own needs no rule: an account for a unit above it covers it too, and `*` covers all.
    pub fn covers(&self, unit: Option<&str>) -> bool {
        match (self, unit) {
            (Scope::All, _) => true,
            (Scope::Units(_), None) => false,
            (Scope::Units(units), Some(unit)) => units.iter().any(|above| {
                unit.strip_prefix(above.as_str())
                    .is_some_and(|rest| !above.is_empty() && (rest.is_empty() || rest.starts_with('/')))
            }),
        }
    }

    /// Whether one of the units is this one, above it or below it. Who is there for all belongs to none.
    pub fn shares_a_branch_with(&self, unit: &str) -> bool {
        let above = Scope::of([unit]);
        self.units().is_some_and(|units| self.covers(Some(unit)) || units.iter().any(|own| above.covers(Some(own))))
    }

    /// The units, where it is not all of them.
    pub fn units(&self) -> Option<&[String]> {
        match self {
            Scope::All => None,
            Scope::Units(units) => Some(units),
        }
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Scope::All => f.write_str("*"),
            Scope::Units(units) => f.write_str(&units.join(", ")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_unit_covers_itself_and_what_is_below_and_nothing_beside() {
        let sg = Scope::of(["sg", "/dgfip/cadastre/"]);
        for inside in ["sg", "sg/achats", "sg/achats/marches", "dgfip/cadastre", "dgfip/cadastre/75"] {
            assert!(sg.covers(Some(inside)), "{inside}");
        }
        for outside in ["sgx", "sgx/achats", "dgfip", "dgfip/cad", "achats/sg", ""] {
            assert!(!sg.covers(Some(outside)), "{outside}");
        }
        assert!(!sg.covers(None), "a sender without a unit belongs to `*`");
        assert!(Scope::of(["sg", "*"]).covers(None) && Scope::All.covers(Some("anything")));
        assert!(!Scope::of([""]).covers(Some("sg")), "an empty name is no unit above all");
        assert_eq!(sg.to_string(), "sg, dgfip/cadastre");
    }

    #[test]
    fn a_branch_is_what_is_above_and_below() {
        let tax = Scope::of(["dgfip/cadastre"]);
        for near in ["dgfip", "dgfip/cadastre", "dgfip/cadastre/75"] {
            assert!(tax.shares_a_branch_with(near), "{near}");
        }
        for far in ["sg", "dgfip/cadastral", "dgfip/impots"] {
            assert!(!tax.shares_a_branch_with(far), "{far}");
        }
        assert!(!Scope::All.shares_a_branch_with("dgfip"));
    }
}
