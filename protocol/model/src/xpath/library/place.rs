//! Places on the earth: points `latitude longitude altitude accuracy`, lines and shapes as points with `;` between.

use super::{Answer, Ast, Evaluated, Evaluator, Point, Value};
use crate::xpath::value::number_of;

/// What ODK takes for the radius of the earth at the equator, in metres.
const RADIUS: f64 = 6_378_100.0;

/// Degrees north and east.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Place {
    latitude: f64,
    longitude: f64,
}

/// The places of some arguments: of nodes and texts, each one point or many; empty ones have none. Nothing if one
/// is no place.
fn places<'a>(ev: &mut Evaluator<'a, '_>, arguments: &'a [Ast], at: Point) -> Evaluated<Option<Vec<Place>>> {
    let mut places = Some(Vec::new());
    ev.each_value(arguments, at, &mut |ev, value| {
        let text = value.to_text(ev.tree);
        ev.step(text.len() as u64 / 16)?;
        for point in text.split(';').map(str::trim).filter(|point| !point.is_empty()) {
            places = match (places.take(), place(point)) {
                (Some(mut places), Some(place)) => {
                    places.push(place);
                    Some(places)
                }
                _ => None,
            };
        }
        Ok(())
    })?;
    Ok(places)
}

fn place(text: &str) -> Option<Place> {
    let mut numbers = text.split_whitespace().map(|number| number_of(number, 0));
    let (latitude, longitude) = (numbers.next()?, numbers.next()?);
    let in_range = (-90.0..=90.0).contains(&latitude) && (-180.0..=180.0).contains(&longitude);
    let others_fine = numbers.clone().count() <= 2 && numbers.all(|number| !number.is_nan());
    (in_range && others_fine).then_some(Place { latitude, longitude })
}

/// Along the great circles through the places, in metres; of fewer than two places 0.
pub(crate) fn distance<'a>(ev: &mut Evaluator<'a, '_>, arguments: &'a [Ast], at: Point) -> Answer<'a> {
    let places = places(ev, arguments, at)?;
    let length =
        |places: Vec<Place>| places.windows(2).map(|pair| between(pair[0], pair[1])).sum::<f64>().abs();
    Ok(Value::Number(places.map_or(f64::NAN, length)))
}

/// The haversine of the angle, which is exact for near places too.
fn between(a: Place, b: Place) -> f64 {
    let half = |degrees: f64| (degrees.to_radians() / 2.0).sin().powi(2);
    let cosines = a.latitude.to_radians().cos() * b.latitude.to_radians().cos();
    let haversine = half(b.latitude - a.latitude) + cosines * half(b.longitude - a.longitude);
    2.0 * RADIUS * haversine.clamp(0.0, 1.0).sqrt().asin()
}

/// In square metres, on a plane around the first place; of fewer than three places 0.
pub(crate) fn area<'a>(ev: &mut Evaluator<'a, '_>, arguments: &'a [Ast], at: Point) -> Answer<'a> {
    let Some(places) = places(ev, arguments, at)? else { return Ok(Value::Number(f64::NAN)) };
    let Some(first) = places.first() else { return Ok(Value::Number(0.0)) };
    let flat: Vec<(f64, f64)> = places
        .iter()
        .map(|place| {
            let east = (place.longitude - first.longitude).to_radians() * place.latitude.to_radians().cos();
            (east * RADIUS, (place.latitude - first.latitude).to_radians() * RADIUS)
        })
        .collect();
    let twice: f64 = flat.windows(2).map(|pair| pair[0].1 * pair[1].0 - pair[0].0 * pair[1].1).sum();
    Ok(Value::Number((twice / 2.0).abs()))
}

/// Whether a point stands in a closed shape; false where one of them is none.
pub(crate) fn geofence<'a>(ev: &mut Evaluator<'a, '_>, arguments: &'a [Ast], at: Point) -> Answer<'a> {
    let point = places(ev, &arguments[..1], at)?.unwrap_or_default();
    let shape = places(ev, &arguments[1..], at)?.unwrap_or_default();
    let closed = shape.len() > 2 && shape.first() == shape.last();
    let [point] = point.as_slice() else { return Ok(Value::Bool(false)) };
    // A ray from the point crosses the border an odd number of times.
    let crossed = shape.windows(2).filter(|pair| {
        let (from, to) = (pair[0], pair[1]);
        (to.latitude > point.latitude) != (from.latitude > point.latitude)
            && point.longitude
                < (from.longitude - to.longitude) * (point.latitude - to.latitude)
                    / (from.latitude - to.latitude)
                    + to.longitude
    });
    Ok(Value::Bool(closed && crossed.count() % 2 == 1))
}

/// Whether a line or the border of a shape crosses or touches itself, apart from neighbouring parts.
pub(crate) fn intersects<'a>(ev: &mut Evaluator<'a, '_>, arguments: &'a [Ast], at: Point) -> Answer<'a> {
    let mut places = places(ev, arguments, at)?.unwrap_or_default();
    places.dedup();
    let parts: Vec<&[Place]> = places.windows(2).collect();
    let closed = places.len() > 3 && places.first() == places.last();
    ev.step((parts.len() as u64).saturating_mul(parts.len() as u64) / 2)?;
    for (index, one) in parts.iter().enumerate() {
        for (further, other) in parts.iter().enumerate().skip(index + 1) {
            let neighbours = further == index + 1 || (closed && index == 0 && further + 1 == parts.len());
            let meets = if neighbours {
                turns_back(one, other, closed && index == 0 && further + 1 == parts.len())
            } else {
                cross(one, other)
            };
            if meets {
                return Ok(Value::Bool(true));
            }
        }
    }
    Ok(Value::Bool(false))
}

/// On which side of a line a place lies: above zero left, below right, zero on it.
fn side(line: &[Place], place: Place) -> f64 {
    let (from, to) = (line[0], line[1]);
    (to.longitude - from.longitude) * (place.latitude - from.latitude)
        - (to.latitude - from.latitude) * (place.longitude - from.longitude)
}

fn is_on(line: &[Place], place: Place) -> bool {
    let within = |a: f64, b: f64, value: f64| a.min(b) <= value && value <= a.max(b);
    side(line, place) == 0.0
        && within(line[0].longitude, line[1].longitude, place.longitude)
        && within(line[0].latitude, line[1].latitude, place.latitude)
}

fn cross(one: &[Place], other: &[Place]) -> bool {
    let apart = |line: &[Place], pair: &[Place]| side(line, pair[0]) * side(line, pair[1]) < 0.0;
    (apart(one, other) && apart(other, one))
        || other.iter().any(|place| is_on(one, *place))
        || one.iter().any(|place| is_on(other, *place))
}

/// Two parts that share an end overlap if the far end of one lies on the other.
fn turns_back(one: &[Place], other: &[Place], shares_ends_of_shape: bool) -> bool {
    let (far_of_one, far_of_other) =
        if shares_ends_of_shape { (one[1], other[0]) } else { (one[0], other[1]) };
    is_on(other, far_of_one) || is_on(one, far_of_other)
}
