//! Parameters of requests, parsed at the door.

use crate::error::ApiError;
use axum::{
    extract::{FromRequestParts, Path, Query, rejection::QueryRejection},
    http::request::Parts,
};
use hydra_proto::{ImageId, PlotTypeName};
use hydra_store::{now_us, read::Span};
use serde::{Deserialize, de::DeserializeOwned};
use std::{fmt::Display, str::FromStr};

/// Query parameters as `T`; what does not parse, and what is unknown, is a problem document.
pub struct Params<T>(pub T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequestParts<S> for Params<T> {
    type Rejection = ApiError;
    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        match Query::<T>::from_request_parts(parts, state).await {
            Ok(Query(params)) => Ok(Self(params)),
            Err(QueryRejection::FailedToDeserializeQueryString(error)) => {
                Err(ApiError::bad(error.body_text()))
            }
            Err(error) => Err(ApiError::bad(error.body_text())),
        }
    }
}

/// A path's one parameter as `T`.
pub struct At<T>(pub T);

impl<T: FromStr<Err: Display>> At<T> {
    /// What the text of a path, or of a field that stands for one, names.
    ///
    /// # Errors
    /// A problem with status 400 that says what such a text looks like.
    pub fn parse(text: &str) -> Result<Self, ApiError> {
        text.parse().map(Self).map_err(|error: T::Err| ApiError::bad(error.to_string()))
    }
}

impl<T: FromStr<Err: Display>, S: Send + Sync> FromRequestParts<S> for At<T> {
    type Rejection = ApiError;
    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        let Path(text) = Path::<String>::from_request_parts(parts, state)
            .await
            .map_err(|error| ApiError::bad(error.body_text()))?;
        Self::parse(&text)
    }
}

/// How many entries a page holds when nothing is said.
const USUAL: u64 = 100;
/// How many it holds at most.
const MOST: u64 = 1_000;

/// The size of a page: 1 to `most`.
fn checked(limit: Option<u64>, usual: u64, most: u64) -> Result<u64, ApiError> {
    match limit.unwrap_or(usual) {
        limit if (1..=most).contains(&limit) => Ok(limit),
        limit => Err(ApiError::bad(format!("limit is {limit}; allowed are 1 to {most}"))),
    }
}

/// The size of a page of a list.
pub fn limit(limit: Option<u64>) -> Result<u64, ApiError> {
    checked(limit, USUAL, MOST)
}

/// The size of a page of a trend, whose entries are small.
pub fn trend_limit(limit: Option<u64>) -> Result<u64, ApiError> {
    checked(limit, MOST, 5 * MOST)
}

const DAY_US: i64 = 86_400_000_000;
/// The year 2200.
const END_OF_TIME_US: i64 = 7_258_118_400_000_000;

/// A range of time: the last day, unless something else is said.
pub fn span(from_us: Option<i64>, to_us: Option<i64>, most_days: i64) -> Result<Span, ApiError> {
    // A producer's clock may be a little ahead of ours.
    let to_us = to_us.unwrap_or_else(|| now_us() + 60_000_000);
    let from_us = from_us.unwrap_or_else(|| to_us.saturating_sub(DAY_US).max(0));
    for (name, us) in [("from_us", from_us), ("to_us", to_us)] {
        if !(0..=END_OF_TIME_US).contains(&us) {
            return Err(ApiError::bad(format!(
                "{name} is {us}; allowed are microseconds since 1970 UTC up to the year 2200"
            )));
        }
    }
    if from_us >= to_us {
        return Err(ApiError::bad("from_us must be before to_us"));
    }
    if to_us - from_us > most_days * DAY_US {
        return Err(ApiError::bad(format!("the range is longer than {most_days} days")));
    }
    Ok(Span { from_us, to_us })
}

/// A list of names with commas between them, at most 200.
pub fn names(text: Option<&str>) -> Result<Vec<String>, ApiError> {
    let names: Vec<String> =
        text.unwrap_or_default().split(',').filter(|n| !n.is_empty()).map(str::to_owned).collect();
    if names.len() > 200 {
        return Err(ApiError::bad("at most 200 names in a list"));
    }
    Ok(names)
}

/// Nothing but the place in the list.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct PageParams {
    /// Entries in a page, 1 to 1000; 100 if not given.
    #[param(minimum = 1, maximum = 1000)]
    pub limit: Option<u64>,
    /// `next` of the page before.
    pub cursor: Option<String>,
}

/// An image's id.
pub type AtImage = At<ImageId>;
/// A plot type's name.
pub type AtPlotType = At<PlotTypeName>;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_has_1_to_1000_entries() {
        assert_eq!(limit(None).unwrap(), 100);
        assert_eq!(limit(Some(1000)).unwrap(), 1000);
        for bad in [0, 1001, u64::MAX] {
            assert_eq!(limit(Some(bad)).unwrap_err().status().as_u16(), 400, "{bad}");
        }
    }

    #[test]
    fn ranges_are_the_last_day_or_what_is_said() {
        let usual = span(None, None, 92).unwrap();
        assert_eq!(usual.to_us - usual.from_us, DAY_US);
        assert_eq!(span(Some(5), Some(9), 92).unwrap(), Span { from_us: 5, to_us: 9 });
    }

    #[test]
    fn absurd_ranges_are_refused() {
        for (from, to) in
            [(9, 5), (5, 5), (-1, 5), (0, i64::MAX), (i64::MIN, i64::MAX), (0, 93 * DAY_US)]
        {
            assert!(span(Some(from), Some(to), 92).is_err(), "{from} {to}");
        }
    }

    #[test]
    fn a_list_of_ten_thousand_names_is_refused() {
        assert_eq!(names(Some("a,b,,c")).unwrap(), ["a", "b", "c"]);
        assert!(names(Some(&"a,".repeat(10_000))).is_err());
    }
}
