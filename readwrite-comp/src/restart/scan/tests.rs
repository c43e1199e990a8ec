use proptest::prelude::*;

use super::*;

/// A type, and how it is told to make a value: a tree, so that proptest can make it smaller.
#[derive(Clone, Debug)]
enum Type {
    Fixed(usize),
    Char,
    Bytes,
    Many(Box<Type>),
    Option(Box<Type>),
    All(Vec<Type>),
    Variants(Vec<Type>),
}

fn types() -> impl Strategy<Value = Type> {
    let leaf = prop_oneof![
        (0usize..10).prop_map(Type::Fixed),
        Just(Type::Char),
        Just(Type::Bytes)
    ];
    leaf.prop_recursive(5, 40, 4, |inner| {
        prop_oneof![
            inner.clone().prop_map(|t| Type::Many(Box::new(t))),
            inner.clone().prop_map(|t| Type::Option(Box::new(t))),
            prop::collection::vec(inner.clone(), 0..5).prop_map(Type::All),
            prop::collection::vec(inner, 1..5).prop_map(Type::Variants),
        ]
    })
}

fn build(t: &Type, nodes: &mut Vec<Node>) -> Id {
    let node = match t {
        Type::Fixed(n) => Node::Fixed(*n),
        Type::Char => Node::Char,
        Type::Bytes => Node::Bytes,
        Type::Many(t) => Node::Many(build(t, nodes)),
        Type::Option(t) => Node::Option(build(t, nodes)),
        Type::All(all) => Node::All(all.iter().map(|t| build(t, nodes)).collect()),
        Type::Variants(all) => Node::Variants(all.iter().map(|t| Some(build(t, nodes))).collect()),
    };
    nodes.push(node);
    (nodes.len() - 1) as Id
}

fn shape(t: &Type) -> Shape {
    let mut nodes = Vec::new();
    let root = build(t, &mut nodes);
    Shape::new(nodes, root)
}

/// Writes a value of the type; what it is, the numbers of `choice` say.
fn write(t: &Type, choice: &mut impl FnMut() -> u8, wire: &mut Vec<u8>) {
    match t {
        Type::Fixed(n) => wire.extend((0..*n).map(|_| choice())),
        Type::Char => {
            let c = ['a', 'é', '€', '🦀'][choice() as usize % 4];
            wire.extend(c.to_string().bytes());
        }
        Type::Bytes => {
            let n = choice() % 20;
            wire.extend(u64::from(n).to_le_bytes());
            wire.extend((0..n).map(|_| choice()));
        }
        Type::Many(t) => {
            let n = choice() % 4;
            wire.extend(u64::from(n).to_le_bytes());
            (0..n).for_each(|_| write(t, choice, wire));
        }
        Type::Option(t) => {
            let some = choice() % 2;
            wire.push(some);
            if some == 1 {
                write(t, choice, wire);
            }
        }
        Type::All(all) => all.iter().for_each(|t| write(t, choice, wire)),
        Type::Variants(all) => {
            let i = choice() as usize % all.len();
            wire.extend((i as u32).to_le_bytes());
            write(&all[i], choice, wire);
        }
    }
}

/// Numbers that follow from a seed: Knuth's, for want of a value that proptest could make smaller.
fn choices(mut seed: u64) -> impl FnMut() -> u8 {
    move || {
        seed = seed
            .wrapping_mul(6364136223846793005)
            .wrapping_add(1442695040888963407);
        (seed >> 40) as u8
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, failure_persistence: None, ..ProptestConfig::default() })]

    /// However the bytes come, the scan never asks for more than the message has, always for more
    /// than there is of an unfinished one, and ends at its end, whatever follows.
    #[test]
    fn the_end_of_any_value_of_any_type(t in types(), seed: u64, chunk in 1usize..40) {
        let mut wire = Vec::new();
        write(&t, &mut choices(seed), &mut wire);
        let end = wire.len();
        wire.extend([0xff; 16]);
        let mut scan = Scan::new(shape(&t));
        for have in (0..wire.len()).step_by(chunk).chain([wire.len()]) {
            let least = scan.least(&wire[..have]).expect("the shape is right");
            prop_assert!(least <= end, "{least} of {end} with {have}");
            prop_assert_eq!(least <= have, end <= have, "{} of {} with {}", least, end, have);
        }
        prop_assert_eq!(scan.known(), Some(end));
        scan.restart();
        prop_assert_eq!(scan.least(&wire), Some(end));
    }

    /// A hostile peer: any bytes, for any type. No panic, little memory, and never backwards.
    #[test]
    fn any_bytes(t in types(), bytes in prop::collection::vec(prop_oneof![0u8..4, any::<u8>()], 0..200)) {
        let mut scan = Scan::new(shape(&t));
        let mut before = 0;
        for have in 0..=bytes.len() {
            let Some(least) = scan.least(&bytes[..have]) else { break };
            prop_assert!(least >= before);
            prop_assert!(scan.stack.len() <= DEPTH + 1);
            before = least;
        }
    }
}

fn list() -> Shape {
    // struct List { value: u32, next: Option<Box<List>> }
    let nodes = vec![Node::Fixed(4), Node::All(vec![0, 2]), Node::Option(1)];
    Shape::new(nodes, 1)
}

#[test]
fn a_long_list_is_not_a_deep_one() {
    let mut wire = Vec::new();
    for i in 0..100_000u32 {
        wire.extend(i.to_le_bytes());
        wire.push(u8::from(i < 99_999));
    }
    let mut scan = Scan::new(list());
    assert_eq!(scan.least(&wire), Some(wire.len()));
    assert!(scan.stack.capacity() < 10);
}

#[test]
fn what_is_nested_too_deep_is_left_to_the_decoder() {
    // enum Tree { Leaf, Node(Tree, Tree) }: leaning to the left.
    let nodes = vec![
        Node::All(Vec::new()),
        Node::All(vec![2, 2]),
        Node::Variants(vec![Some(0), Some(1)]),
    ];
    let mut scan = Scan::new(Shape::new(nodes, 2));
    let wire: Vec<u8> = [1, 0, 0, 0].repeat(100_000);
    assert_eq!(scan.least(&wire), None);
    assert!(scan.stack.len() <= DEPTH + 1);
}

#[test]
fn a_length_that_lies_costs_nothing() {
    let huge = (1u64 << 60).to_le_bytes();
    for (node, lost) in [
        (Node::Bytes, false),
        (Node::Many(0), false),
        (Node::Many(2), true),
    ] {
        let nodes = vec![Node::Fixed(1), node, Node::Fixed(1 << 20)];
        let mut scan = Scan::new(Shape::new(nodes, 1));
        match scan.least(&huge) {
            None => assert!(lost || usize::BITS < 64),
            Some(least) => assert!(!lost && least as u64 > 1 << 60),
        }
    }
    // A list of strings, as many as there are atoms: nothing is kept for them.
    let nodes = vec![Node::Bytes, Node::Many(0)];
    let mut scan = Scan::new(Shape::new(nodes, 1));
    assert_eq!(scan.least(&huge), Some(16));
}

#[test]
fn neighbours_of_fixed_size_are_one() {
    let nodes = vec![
        Node::Fixed(4),
        Node::Fixed(8),
        Node::All(vec![0, 1, 3, 0, 0]),
        Node::Bytes,
        Node::Variants(vec![Some(0), Some(0)]),
        Node::All(vec![0, 4]),
    ];
    let shape = Shape::new(nodes, 2);
    let Node::All(parts) = &shape.nodes[2] else {
        panic!("it has a part without a fixed size");
    };
    let sizes: Vec<_> = parts.iter().map(|id| &shape.nodes[*id as usize]).collect();
    assert_eq!(sizes, [&Node::Fixed(12), &Node::Bytes, &Node::Fixed(8)]);
    assert_eq!(shape.nodes[5], Node::Fixed(12));
}
