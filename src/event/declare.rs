//! The macro that declares the events: their names, their fields, and the account they are about.

/// Declares the events with their names and fields. Every event also has an `Origin`.
macro_rules! events {
    ($(
        $(#[$doc:meta])*
        $variant:ident, $name:literal, $user:expr, { $($(#[$note:meta])* $field:ident: $type:ty,)* }
    )+) => {
        /// Something that happened to an account, a session or a token.
        ///
        /// Listen with [`Security::on_event`](crate::Security::on_event). See [`event`](crate::event) for
        /// when each event is sent.
        ///
        /// ```
        /// use rocket_security::Event;
        ///
        /// fn is_alarming(event: &Event) -> bool {
        ///     matches!(event, Event::RememberTheft { .. } | Event::TokenReuse { .. })
        /// }
        /// # drop(is_alarming);
        /// ```
        #[derive(Clone, Debug, PartialEq, Eq, Serialize)]
        #[serde(tag = "event", rename_all = "snake_case")]
        #[non_exhaustive]
        pub enum Event {
            $(
                $(#[$doc])*
                $variant {
                    $($(#[$note])* $field: $type,)*
                    /// The time, the client's address, the request, and how its sender was authenticated.
                    origin: Origin,
                },
            )+
        }

        impl Event {
            /// Returns the name of the event, which is also its tag in JSON: `user_authenticated`.
            pub fn name(&self) -> &'static str {
                match self {
                    $(Self::$variant { .. } => $name,)+
                }
            }

            /// Returns the account that the event is about, if any.
            #[allow(unused_variables, reason = "most events need one field of theirs for it, or none")]
            pub fn user(&self) -> Option<UserId> {
                match self {
                    $(Self::$variant { $($field,)* .. } => $user,)+
                }
            }

            /// Returns when and where the event happened.
            pub fn origin(&self) -> &Origin {
                match self {
                    $(Self::$variant { origin, .. } => origin,)+
                }
            }

            pub(super) fn origin_mut(&mut self) -> &mut Origin {
                match self {
                    $(Self::$variant { origin, .. } => origin,)+
                }
            }
        }
    };
}

pub(super) use events;
