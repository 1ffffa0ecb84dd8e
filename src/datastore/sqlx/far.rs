//! Times in the far future.

use std::result::Result as StdResult;

use ::sqlx::encode::IsNull;
use ::sqlx::error::BoxDynError;
use ::sqlx::{Encode, Type};

use crate::clock::Timestamp;

/// A parameter of a statement with a time that may be after the year 2038.
///
/// sqlx sends a `DateTime<Utc>` to MySQL and MariaDB as a `TIMESTAMP`, which ends on 2038-01-19, whatever the
/// type of the column: a later time is taken for `NULL`. The columns have the type `DATETIME`, which lasts
/// until the year 9999, and this parameter is sent as one.
pub(super) struct Far(pub(super) Timestamp);

macro_rules! bound_as {
    ($driver:ident, $type:ty, |$time:ident| $value:expr) => {
        impl Type<::sqlx::$driver> for Far {
            fn type_info() -> <::sqlx::$driver as ::sqlx::Database>::TypeInfo {
                <$type as Type<::sqlx::$driver>>::type_info()
            }
        }

        impl Encode<'_, ::sqlx::$driver> for Far {
            fn encode_by_ref(
                &self,
                buffer: &mut <::sqlx::$driver as ::sqlx::Database>::ArgumentBuffer,
            ) -> StdResult<IsNull, BoxDynError> {
                let $time = self.0;
                let value: $type = $value;
                <$type as Encode<'_, ::sqlx::$driver>>::encode(value, buffer)
            }
        }
    };
}

#[cfg(feature = "sqlite")]
bound_as!(Sqlite, Timestamp, |time| time);
#[cfg(feature = "postgres")]
bound_as!(Postgres, Timestamp, |time| time);
#[cfg(feature = "mysql")]
bound_as!(MySql, chrono::NaiveDateTime, |time| time.naive_utc());
