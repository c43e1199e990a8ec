use serde::de::{
    self, DeserializeSeed, EnumAccess, IntoDeserializer, MapAccess, SeqAccess, VariantAccess,
    Visitor,
};
use std::any::type_name;

use super::{Ask, DEPTH, Tracer, Untraceable, Values};
use crate::restart::shape::{Id, Node};

/// Position of the deserializer in the type: it notes which node it was asked for.
pub(super) struct At<'t> {
    pub(super) tracer: &'t mut Tracer,
    pub(super) id: &'t mut Option<Id>,
}

impl At<'_> {
    fn simple(self, node: Node) -> Values {
        let key = match node {
            Node::Fixed(n) => ("", Ask::Fixed, n),
            Node::Char => ("", Ask::Char, 0),
            _ => ("", Ask::Bytes, 0),
        };
        let id = self.tracer.id(key);
        self.tracer.set(id, node);
        *self.id = Some(id);
        self.tracer.values
    }

    /// Parts, as many as the visitor reads of `most`.
    fn parts<'de, V: Visitor<'de>>(self, most: usize, visitor: V) -> Result<V::Value, Untraceable> {
        let id = self.tracer.id((type_name::<V>(), Ask::All, most));
        *self.id = Some(id);
        let mut parts = Parts {
            tracer: self.tracer,
            ids: Vec::new(),
            left: most,
        };
        parts.tracer.depth += 1;
        if parts.tracer.depth > DEPTH {
            return Err(Untraceable("it is nested too deep".into()));
        }
        // An error leaves the depth as it is: the next pass begins at zero.
        let value = visitor.visit_seq(&mut parts)?;
        let Parts { tracer, ids, .. } = parts;
        tracer.depth -= 1;
        tracer.set(id, Node::All(ids));
        Ok(value)
    }
}

/// The parts of a tuple, or the elements of a list.
struct Parts<'t> {
    tracer: &'t mut Tracer,
    ids: Vec<Id>,
    left: usize,
}

impl<'de> SeqAccess<'de> for &mut Parts<'_> {
    type Error = Untraceable;

    fn next_element_seed<S: DeserializeSeed<'de>>(
        &mut self,
        seed: S,
    ) -> Result<Option<S::Value>, Untraceable> {
        if self.left == 0 {
            return Ok(None);
        }
        self.left -= 1;
        let mut id = None;
        let value = seed.deserialize(At {
            tracer: self.tracer,
            id: &mut id,
        })?;
        self.ids.extend(id);
        Ok(Some(value))
    }

    fn size_hint(&self) -> Option<usize> {
        Some(self.left)
    }
}

impl<'de> MapAccess<'de> for &mut Parts<'_> {
    type Error = Untraceable;

    fn next_key_seed<S: DeserializeSeed<'de>>(
        &mut self,
        seed: S,
    ) -> Result<Option<S::Value>, Untraceable> {
        self.next_element_seed(seed)
    }

    fn next_value_seed<S: DeserializeSeed<'de>>(
        &mut self,
        seed: S,
    ) -> Result<S::Value, Untraceable> {
        // The value belongs to the key that was counted.
        self.left += 1;
        self.next_element_seed(seed)?
            .ok_or_else(|| Untraceable("a map has no value".into()))
    }
}

macro_rules! fixed {
    ($($method:ident $visit:ident $type:ty,)*) => {$(
        fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Untraceable> {
            let values = self.simple(Node::Fixed(size_of::<$type>()));
            visitor.$visit(<$type>::from(values.number))
        }
    )*};
}

impl<'de> de::Deserializer<'de> for At<'_> {
    type Error = Untraceable;

    fixed! {
        deserialize_u8 visit_u8 u8,
        deserialize_u16 visit_u16 u16,
        deserialize_u32 visit_u32 u32,
        deserialize_u64 visit_u64 u64,
        deserialize_u128 visit_u128 u128,
        deserialize_i16 visit_i16 i16,
        deserialize_i32 visit_i32 i32,
        deserialize_i64 visit_i64 i64,
        deserialize_i128 visit_i128 i128,
        deserialize_f32 visit_f32 f32,
        deserialize_f64 visit_f64 f64,
    }

    fn deserialize_i8<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Untraceable> {
        let values = self.simple(Node::Fixed(1));
        visitor.visit_i8(values.number as i8)
    }

    fn deserialize_bool<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Untraceable> {
        let values = self.simple(Node::Fixed(1));
        visitor.visit_bool(values.truth)
    }

    fn deserialize_char<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Untraceable> {
        self.simple(Node::Char);
        visitor.visit_char('1')
    }

    fn deserialize_str<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Untraceable> {
        let values = self.simple(Node::Bytes);
        visitor.visit_borrowed_str(values.text)
    }

    fn deserialize_string<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Untraceable> {
        let values = self.simple(Node::Bytes);
        visitor.visit_string(values.text.into())
    }

    fn deserialize_bytes<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Untraceable> {
        let values = self.simple(Node::Bytes);
        visitor.visit_borrowed_bytes(values.text.as_bytes())
    }

    fn deserialize_byte_buf<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Untraceable> {
        let values = self.simple(Node::Bytes);
        visitor.visit_byte_buf(values.text.into())
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Untraceable> {
        let id = self.tracer.id((type_name::<V>(), Ask::Option, 0));
        *self.id = Some(id);
        if !self.tracer.enter(id) {
            return visitor.visit_none();
        }
        let mut part = None;
        let value = visitor.visit_some(At {
            tracer: self.tracer,
            id: &mut part,
        })?;
        if let Some(part) = part {
            self.tracer.set(id, Node::Option(part));
        }
        Ok(value)
    }

    fn deserialize_unit<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Untraceable> {
        self.simple(Node::Fixed(0));
        visitor.visit_unit()
    }

    fn deserialize_unit_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, Untraceable> {
        self.deserialize_unit(visitor)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, Untraceable> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Untraceable> {
        let id = self.tracer.id((type_name::<V>(), Ask::Many, 0));
        *self.id = Some(id);
        // The second time in a pass the list is empty, or a type within itself would have no end.
        let mut parts = Parts {
            left: usize::from(self.tracer.enter(id)),
            tracer: self.tracer,
            ids: Vec::new(),
        };
        let value = visitor.visit_seq(&mut parts)?;
        if let Parts { tracer, ids, .. } = parts
            && let [part] = ids[..]
        {
            tracer.set(id, Node::Many(part));
        }
        Ok(value)
    }

    fn deserialize_tuple<V: Visitor<'de>>(
        self,
        len: usize,
        visitor: V,
    ) -> Result<V::Value, Untraceable> {
        self.parts(len, visitor)
    }

    fn deserialize_tuple_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        len: usize,
        visitor: V,
    ) -> Result<V::Value, Untraceable> {
        self.parts(len, visitor)
    }

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Untraceable> {
        let id = self.tracer.id((type_name::<V>(), Ask::Many, 1));
        let pair = self.tracer.id((type_name::<V>(), Ask::Pair, 0));
        *self.id = Some(id);
        let mut parts = Parts {
            left: usize::from(self.tracer.enter(id)),
            tracer: self.tracer,
            ids: Vec::new(),
        };
        let value = visitor.visit_map(&mut parts)?;
        let Parts { tracer, ids, .. } = parts;
        if ids.len() == 2 {
            tracer.set(pair, Node::All(ids));
            tracer.set(id, Node::Many(pair));
        }
        Ok(value)
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Untraceable> {
        self.parts(fields.len(), visitor)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Untraceable> {
        let tracer = self.tracer;
        let id = tracer.id((type_name::<V>(), Ask::Enum, variants.len()));
        *self.id = Some(id);
        tracer.depth += 1;
        if tracer.depth > DEPTH {
            return Err(Untraceable("it is nested too deep".into()));
        }
        let (i, tries) = tracer.choose(id, variants.len())?;
        let mut part = None;
        let value = visitor.visit_enum(Chosen {
            variant: i as u32,
            at: At {
                tracer,
                id: &mut part,
            },
        });
        if let Some(tries) = tries {
            let known = part.filter(|_| value.is_ok());
            tracer.chosen(id, i, tries, known);
        }
        tracer.depth -= 1;
        value
    }

    fn deserialize_any<V: Visitor<'de>>(self, _: V) -> Result<V::Value, Untraceable> {
        Err(Untraceable("it asks what comes next".into()))
    }

    fn deserialize_identifier<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Untraceable> {
        self.deserialize_any(visitor)
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Untraceable> {
        self.deserialize_any(visitor)
    }

    fn is_human_readable(&self) -> bool {
        // As in bincode. Some types, such as IP addresses, have another form for people.
        false
    }
}

/// A variant that was chosen.
struct Chosen<'t> {
    variant: u32,
    at: At<'t>,
}

impl<'t, 'de> EnumAccess<'de> for Chosen<'t> {
    type Error = Untraceable;
    type Variant = At<'t>;

    fn variant_seed<S: DeserializeSeed<'de>>(
        self,
        seed: S,
    ) -> Result<(S::Value, At<'t>), Untraceable> {
        let value = seed.deserialize(IntoDeserializer::<Untraceable>::into_deserializer(
            self.variant,
        ))?;
        Ok((value, self.at))
    }
}

impl<'de> VariantAccess<'de> for At<'_> {
    type Error = Untraceable;

    fn unit_variant(self) -> Result<(), Untraceable> {
        self.simple(Node::Fixed(0));
        Ok(())
    }

    fn newtype_variant_seed<S: DeserializeSeed<'de>>(
        self,
        seed: S,
    ) -> Result<S::Value, Untraceable> {
        seed.deserialize(self)
    }

    fn tuple_variant<V: Visitor<'de>>(
        self,
        len: usize,
        visitor: V,
    ) -> Result<V::Value, Untraceable> {
        self.parts(len, visitor)
    }

    fn struct_variant<V: Visitor<'de>>(
        self,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Untraceable> {
        self.parts(fields.len(), visitor)
    }
}
