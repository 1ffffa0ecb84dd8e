//! The roles that roles include, directly or through others.

use std::collections::{BTreeMap, BTreeSet};

use crate::datastore::role::NotIncluded;
use crate::user::RoleName;

/// The roles, each with the roles that it includes directly.
#[derive(Clone, Debug, Default)]
pub(super) struct Hierarchy(BTreeMap<RoleName, BTreeSet<RoleName>>);

impl Hierarchy {
    /// Creates a hierarchy from roles and inclusions. An inclusion with an unknown role is ignored.
    pub(super) fn new(
        roles: impl IntoIterator<Item = RoleName>,
        inclusions: impl IntoIterator<Item = (RoleName, RoleName)>,
    ) -> Self {
        let mut all: BTreeMap<_, BTreeSet<_>> =
            roles.into_iter().map(|role| (role, BTreeSet::new())).collect();
        for (role, included) in inclusions {
            let is_known = all.contains_key(&included);
            if let Some(its) = all.get_mut(&role).filter(|_| is_known) {
                its.insert(included);
            }
        }
        Self(all)
    }

    /// Removes a role, also from every role that includes it. Returns `false` if there is no such role.
    #[cfg_attr(
        not(any(feature = "sqlite", feature = "postgres", feature = "mysql")),
        allow(dead_code, reason = "only a database writes it down")
    )]
    pub(super) fn remove(&mut self, role: &RoleName) -> bool {
        for its in self.0.values_mut() {
            its.remove(role);
        }
        self.0.remove(role).is_some()
    }

    /// Makes a role include another. Returns `false` if it does already.
    pub(super) fn include(
        &mut self,
        role: &RoleName,
        included: &RoleName,
    ) -> Result<bool, NotIncluded> {
        if !self.0.contains_key(included) {
            return Err(NotIncluded::Unknown);
        }
        let goes_in_a_circle = self.reach(included).contains(role);
        match self.0.get_mut(role) {
            None => Err(NotIncluded::Unknown),
            Some(_) if goes_in_a_circle => Err(NotIncluded::Circle),
            Some(its) => Ok(its.insert(included.clone())),
        }
    }

    /// Stops a role from including another. Returns `false` if it does not include it directly.
    pub(super) fn exclude(&mut self, role: &RoleName, included: &RoleName) -> bool {
        self.0.get_mut(role).is_some_and(|its| its.remove(included))
    }

    /// Returns the role itself and all roles that it includes, directly or through others.
    pub(super) fn reach(&self, role: &RoleName) -> BTreeSet<RoleName> {
        let mut reached = BTreeSet::new();
        let mut next = vec![role];
        while let Some(role) = next.pop() {
            if reached.insert(role.clone()) {
                next.extend(self.0.get(role).into_iter().flatten());
            }
        }
        reached
    }

    /// Returns each role with everything that it [reaches](Self::reach).
    #[cfg_attr(
        not(any(feature = "sqlite", feature = "postgres", feature = "mysql")),
        allow(dead_code, reason = "only a database writes it down")
    )]
    pub(super) fn closure(&self) -> BTreeSet<(RoleName, RoleName)> {
        let reach = |role: &RoleName| {
            let role = role.clone();
            self.reach(&role).into_iter().map(move |reached| (role.clone(), reached))
        };
        self.0.keys().flat_map(reach).collect()
    }
}

#[cfg(test)]
mod tests {
    use crate::datastore::hierarchy::Hierarchy;
    use crate::datastore::role::NotIncluded;
    use crate::user::RoleName;

    fn name(text: &str) -> RoleName {
        RoleName::parse(text).unwrap()
    }

    fn roles(names: &str, inclusions: &[(&str, &str)]) -> Hierarchy {
        let names = names.split_whitespace().map(name);
        Hierarchy::new(names, inclusions.iter().map(|(role, its)| (name(role), name(its))))
    }

    fn reach(hierarchy: &Hierarchy, role: &str) -> String {
        let reached = hierarchy.reach(&name(role));
        reached.iter().map(RoleName::as_str).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn a_role_reaches_itself_and_what_is_included_at_any_depth() {
        let diamond = roles("a b c d e", &[("a", "b"), ("a", "c"), ("b", "d"), ("c", "d")]);
        assert_eq!(reach(&diamond, "a"), "a b c d");
        assert_eq!(reach(&diamond, "c"), "c d");
        assert_eq!(diamond.closure().len(), 4 + 2 + 2 + 1 + 1);
    }

    #[test]
    fn what_is_reached_another_way_stays_when_one_way_goes() {
        let mut diamond = roles("a b c d", &[("a", "b"), ("a", "c"), ("b", "d"), ("c", "d")]);
        assert!(diamond.exclude(&name("b"), &name("d")));
        assert_eq!(reach(&diamond, "a"), "a b c d");
        assert!(diamond.exclude(&name("c"), &name("d")));
        assert_eq!(reach(&diamond, "a"), "a b c");
        assert!(!diamond.exclude(&name("c"), &name("d")));
    }

    #[test]
    fn a_circle_of_any_length_is_refused() {
        let mut chain = roles("a b c", &[("a", "b"), ("b", "c")]);
        for included in ["a", "b", "c"] {
            assert_eq!(chain.include(&name("c"), &name(included)), Err(NotIncluded::Circle));
        }
        assert_eq!(chain.include(&name("a"), &name("c")), Ok(true), "a shorter way is no circle");
        assert_eq!(chain.include(&name("a"), &name("c")), Ok(false));
    }

    #[test]
    fn what_is_not_there_is_not_included() {
        let mut one = roles("a", &[]);
        for (role, included) in [("a", "A"), ("A", "a"), ("A", "A")] {
            let refused = one.include(&name(role), &name(included));
            assert_eq!(refused, Err(NotIncluded::Unknown));
        }
    }

    #[test]
    fn a_circle_that_somebody_wrote_by_hand_ends() {
        assert_eq!(reach(&roles("a b", &[("a", "b"), ("b", "a")]), "a"), "a b");
    }
}
