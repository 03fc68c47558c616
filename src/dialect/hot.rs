//! What hot messages of several dialects have in common, on top of the cursor of `scan`.
//!
//! As there: the first surprise gives `None`, and the general parser decides. Nothing is emitted
//! before the whole message has been read.

use super::LEVELS_MAX;
use super::scan::Cursor;
use crate::model::event::{Level, Side, TradeId};
use crate::model::time::Nanos;

/// Takes `{"key":value,…}`; `field` takes the value behind each key.
#[inline]
pub fn fields<'a>(
    cursor: &mut Cursor<'a>,
    field: impl FnMut(&'a [u8], &mut Cursor<'a>) -> Option<()>,
) -> Option<()> {
    cursor.eat_byte(b'{').then_some(())?;
    if cursor.eat_byte(b'}') {
        return Some(());
    }
    members(cursor, field)
}

/// Takes `"key":value,…}`: what is left of an object whose first fields are known.
#[inline]
pub fn members<'a>(
    cursor: &mut Cursor<'a>,
    mut field: impl FnMut(&'a [u8], &mut Cursor<'a>) -> Option<()>,
) -> Option<()> {
    loop {
        let key = cursor.key()?;
        field(key, cursor)?;
        if !cursor.eat_byte(b',') {
            return cursor.eat_byte(b'}').then_some(());
        }
    }
}

/// Takes `[item,…]`; `item` takes each of them.
#[inline]
pub fn items<'a>(cursor: &mut Cursor<'a>, mut item: impl FnMut(&mut Cursor<'a>) -> Option<()>) -> Option<()> {
    cursor.eat_byte(b'[').then_some(())?;
    if cursor.eat_byte(b']') {
        return Some(());
    }
    loop {
        item(cursor)?;
        if !cursor.eat_byte(b',') {
            return cursor.eat_byte(b']').then_some(());
        }
    }
}

/// Checks that nothing is left.
#[inline]
pub fn end(cursor: &Cursor<'_>) -> Option<()> {
    cursor.peek().is_none().then_some(())
}

/// Keeps the value of a field. A key that stands twice is a surprise.
#[inline]
pub fn once<T>(slot: &mut Option<T>, value: Option<T>) -> Option<()> {
    if slot.is_some() {
        return None;
    }
    *slot = Some(value?);
    Some(())
}

/// Takes a whole number of either sign, as JSON writes it.
#[inline]
pub fn integer(cursor: &mut Cursor<'_>) -> Option<i64> {
    let negative = cursor.eat_byte(b'-');
    let leading_zero = cursor.peek() == Some(b'0');
    let value = i64::try_from(cursor.whole()?).ok()?;
    if leading_zero && value != 0 {
        return None;
    }
    Some(if negative { -value } else { value })
}

/// Takes a value that nobody reads: text, whole number, `true`, `false`.
#[inline]
pub fn plain(cursor: &mut Cursor<'_>) -> Option<()> {
    match cursor.peek()? {
        b'"' => cursor.text().map(|_| ()),
        b't' | b'f' => cursor.flag().map(|_| ()),
        _ => integer(cursor).map(|_| ()),
    }
}

/// Milliseconds as a number. Zero and below are left to the general parser.
#[inline]
pub fn millis(cursor: &mut Cursor<'_>) -> Option<Nanos> {
    integer(cursor).filter(|ms| *ms > 0).map(Nanos::from_millis)
}

/// Milliseconds as text.
#[inline]
pub fn quoted_millis(cursor: &mut Cursor<'_>) -> Option<Nanos> {
    let mut digits = Cursor::new(cursor.text()?);
    let at = millis(&mut digits)?;
    end(&digits).map(|()| at)
}

/// The side of an order, as one of the venue's two words: the one that buys, the one that sells.
#[inline]
pub fn order_side(word: &[u8], [buys, sells]: [&[u8]; 2]) -> Option<Side> {
    if word == buys {
        return Some(Side::Buy);
    }
    (word == sells).then_some(Side::Sell)
}

/// An id as text. An empty one is left to the general parser.
#[inline]
pub fn text_id(id: &[u8]) -> Option<TradeId<'_>> {
    let text = std::str::from_utf8(id).ok().filter(|text| !text.is_empty())?;
    Some(TradeId::Text(text))
}

/// Takes `[["price","size",…],…]`.
#[inline]
pub fn rows(cursor: &mut Cursor<'_>, out: &mut Vec<Level>) -> Option<()> {
    out.clear();
    items(cursor, |cursor| {
        cursor.eat_byte(b'[').then_some(())?;
        let price = cursor.quoted_num()?;
        cursor.eat_byte(b',').then_some(())?;
        let size = cursor.quoted_num()?;
        while cursor.eat_byte(b',') {
            plain(cursor)?;
        }
        cursor.eat_byte(b']').then_some(())?;
        push(out, Level { price, size })
    })
}

/// Takes `[{"px":price,"sz":size,…},…]`.
#[inline]
pub fn objects(cursor: &mut Cursor<'_>, out: &mut Vec<Level>) -> Option<()> {
    out.clear();
    items(cursor, |cursor| {
        let (mut price, mut size) = (None, None);
        fields(cursor, |key, cursor| match key {
            b"px" => once(&mut price, cursor.quoted_num()),
            b"sz" => once(&mut size, cursor.quoted_num()),
            _ => plain(cursor),
        })?;
        push(out, Level { price: price?, size: size? })
    })
}

fn push(out: &mut Vec<Level>, level: Level) -> Option<()> {
    if level.price.is_zero() || out.len() >= LEVELS_MAX {
        return None; // the general parser says what is wrong
    }
    out.push(level);
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levels_of_both_shapes_are_those_of_the_general_parser() {
        for text in [r#"[["1.50","2","0","7"],["1.4","0.000"]]"#, "[]"] {
            let (mut hot, mut general) = (Vec::new(), Vec::new());
            rows(&mut Cursor::new(text.as_bytes()), &mut hot).unwrap();
            crate::dialect::levels::levels(text, &mut general).unwrap();
            assert_eq!(hot, general);
        }
        let text = r#"[{"n":3,"px":"1.50","sz":"2"},{"sz":"0.1","px":"1"}]"#;
        let (mut hot, mut general) = (Vec::new(), Vec::new());
        objects(&mut Cursor::new(text.as_bytes()), &mut hot).unwrap();
        crate::dialect::levels::levels(text, &mut general).unwrap();
        assert_eq!(hot, general);
    }

    #[test]
    fn surprises_are_left_to_the_general_parser() {
        let mut out = Vec::new();
        for text in
            [r#"[["1"]]"#, r#"[["0","1"]]"#, r#"[["1","-1"]]"#, r#"[["1","1",null]]"#, r#"[["1","1"],]"#]
        {
            assert!(rows(&mut Cursor::new(text.as_bytes()), &mut out).is_none(), "{text}");
        }
        for text in [r#"[{"px":"1","px":"1","sz":"1"}]"#, r#"[{"px":"1"}]"#, r#"[{"px":1,"sz":"1"}]"#] {
            assert!(objects(&mut Cursor::new(text.as_bytes()), &mut out).is_none(), "{text}");
        }
        assert_eq!(integer(&mut Cursor::new(b"012")), None);
        assert_eq!(integer(&mut Cursor::new(b"-12")), Some(-12));
        assert_eq!(quoted_millis(&mut Cursor::new(b"\"5x\"")), None);
    }
}
