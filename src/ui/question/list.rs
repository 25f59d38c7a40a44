//! A list to choose from. Typing filters it, and other values can be typed.

use dialoguer::console::{Key, measure_text_width};

use super::{
    super::visible::visible,
    Leave,
    line::{Line, Pressed},
    sheet::View,
    wrap::{cut, wrapped},
};

/// An item to choose.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Item {
    /// The value.
    pub name: String,
    /// A short description, which is also searched.
    pub about: String,
}

impl Item {
    pub fn new(name: impl Into<String>, about: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            about: about.into(),
        }
    }
}

/// How many items can be chosen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Choice {
    One,
    Several,
}

/// The effect of a key.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Reached {
    Open,
    /// The chosen names.
    Chosen(Vec<String>),
    /// Text that is not in the list.
    Typed(String),
    Back,
    Left,
}

pub(super) struct List {
    items: Vec<Item>,
    checked: Vec<bool>,
    choice: Choice,
    filter: Line,
    /// The marked item among those that match.
    at: usize,
}

/// The number of items shown at a time.
const SHOWN: usize = 10;

impl List {
    /// Creates a list. `chosen` items are marked or checked, and added if they are not in the list.
    pub(super) fn new(items: &[Item], choice: Choice, chosen: &[String]) -> Self {
        let mut list = Self {
            items: items.to_vec(),
            checked: vec![false; items.len()],
            choice,
            filter: Line::default(),
            at: 0,
        };
        for name in chosen.iter().filter(|name| !name.is_empty()) {
            list.add(name);
        }
        list
    }

    /// Chooses a name, and adds it if it is not in the list.
    pub(super) fn add(&mut self, name: &str) {
        let known = self.items.iter().position(|item| item.name == name);
        let place = known.unwrap_or_else(|| {
            // First, so that it is in sight.
            self.items.insert(0, Item::new(name, ""));
            self.checked.insert(0, false);
            0
        });
        self.filter.clear();
        match self.choice {
            Choice::One => self.at = place,
            Choice::Several => self.checked[place] = true,
        }
    }

    /// Returns what was typed.
    pub(super) fn typed(&self) -> String {
        self.filter.text().trim().to_owned()
    }

    pub(super) fn press(&mut self, key: &Key) -> Reached {
        let found = self.found();
        let marked = found.get(self.at).copied();
        match (key, self.choice, marked) {
            (Key::ArrowUp | Key::BackTab, _, Some(_)) => {
                self.at = self.at.checked_sub(1).unwrap_or(found.len() - 1);
            }
            (Key::ArrowDown | Key::Tab, _, Some(_)) => self.at = (self.at + 1) % found.len(),
            (Key::PageUp, _, _) => self.at = self.at.saturating_sub(SHOWN),
            (Key::PageDown, _, Some(_)) => self.at = (self.at + SHOWN).min(found.len() - 1),
            (Key::Char(' '), Choice::Several, Some(place)) => {
                self.checked[place] = !self.checked[place];
            }
            (Key::Escape, _, _) if !self.filter.is_empty() => {
                self.filter.clear();
                self.at = 0;
            }
            _ => match self.filter.press(key) {
                Pressed::Edited => self.at = 0,
                Pressed::Other => {}
                Pressed::Back => return Reached::Back,
                Pressed::Left => return Reached::Left,
                Pressed::Enter => return self.enter(marked),
            },
        }
        Reached::Open
    }

    fn enter(&mut self, marked: Option<usize>) -> Reached {
        let typed = self.filter.text();
        match (self.choice, marked) {
            // An exact name takes precedence over names that contain it.
            (_, Some(_)) if self.items.iter().any(|item| item.name == typed.trim()) => {
                self.take(typed.trim())
            }
            (Choice::Several, _) if self.filter.is_empty() => Reached::Chosen(self.chosen()),
            (_, Some(place)) => {
                let name = self.items[place].name.clone();
                self.take(&name)
            }
            (_, None) => Reached::Typed(typed.trim().to_owned()),
        }
    }

    fn take(&mut self, name: &str) -> Reached {
        match self.choice {
            Choice::One => Reached::Chosen(vec![name.to_owned()]),
            Choice::Several => {
                self.add(name);
                self.at = 0;
                Reached::Open
            }
        }
    }

    fn chosen(&self) -> Vec<String> {
        let both = self.items.iter().zip(&self.checked);
        both.filter(|(_, checked)| **checked)
            .map(|(item, _)| item.name.clone())
            .collect()
    }

    /// Returns the items that match all words of the filter, beginning with those whose name starts
    /// with it.
    fn found(&self) -> Vec<usize> {
        let filter = self.filter.text().to_lowercase();
        let words: Vec<&str> = filter.split_whitespace().collect();
        let mut found: Vec<(bool, usize)> = self
            .items
            .iter()
            .enumerate()
            .filter_map(|(place, Item { name, about })| {
                let name = name.to_lowercase();
                let all = format!("{name} {}", about.to_lowercase());
                words
                    .iter()
                    .all(|word| all.contains(word))
                    .then(|| (!name.starts_with(filter.trim()), place))
            })
            .collect();
        found.sort_unstable();
        found.into_iter().map(|(_, place)| place).collect()
    }

    /// Returns the question, the part of the list around the mark, and the keys. `size` is rows and
    /// columns, and `accepts_typed` tells whether the typed text is a value.
    pub(super) fn view(
        &self,
        prompt: &str,
        (rows, width): (usize, usize),
        leave: Leave,
        accepts_typed: bool,
    ) -> View {
        let mut view = self.filter.view(&format!("{prompt}: "), width);
        let keys = wrapped(&self.keys(leave), width);
        let found = self.found();
        // The number of items, or a note that no item matches, needs two rows.
        let room = rows.saturating_sub(view.rows.len() + keys.len() + 2);
        let room = room.clamp(3, SHOWN).min(found.len().max(1));
        let first = (self.at + 1).saturating_sub(room);
        let names = found.iter().map(|place| visible(&self.items[*place].name));
        let longest = names
            .map(|name| measure_text_width(&name))
            .max()
            .unwrap_or(0);
        for (number, place) in found.iter().enumerate().skip(first).take(room) {
            let Item { name, about } = &self.items[*place];
            let (name, about) = (visible(name), visible(about));
            let mark = if number == self.at { '>' } else { ' ' };
            let check = match (self.choice, self.checked[*place]) {
                (Choice::One, _) => "",
                (Choice::Several, true) => "[x] ",
                (Choice::Several, false) => "[ ] ",
            };
            let pad = longest.saturating_sub(measure_text_width(&name));
            let row = format!("{mark} {check}{name}{:pad$}  {about}", "");
            view.rows.push(cut(row.trim_end(), width));
        }
        if found.len() > room {
            let shown = format!("  ({} of {})", self.at + 1, found.len());
            view.rows.push(cut(&shown, width));
        }
        if found.is_empty() {
            let row = match (accepts_typed, self.choice) {
                (false, _) => "  (no match)",
                (true, Choice::One) => "  (not in the list; Enter uses it as typed)",
                (true, Choice::Several) => "  (not in the list; Enter adds it as typed)",
            };
            view.rows.extend(wrapped(row, width));
        }
        view.rows.extend(keys);
        view
    }

    fn keys(&self, leave: Leave) -> String {
        let is_filtered = !self.filter.is_empty();
        let (enter, escape) = match (self.choice, is_filtered) {
            (Choice::One, false) => ("Type to filter, Enter to choose", leave.words()),
            (Choice::One, true) => ("Enter to choose", "Esc to clear the filter"),
            (Choice::Several, false) => (
                "Type to filter, Space to select, Enter to finish",
                leave.words(),
            ),
            (Choice::Several, true) => ("Enter to select", "Esc to clear the filter"),
        };
        format!("{enter}, {escape}")
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn regions(choice: Choice) -> List {
        let items = [
            Item::new("us-east-1", "US East (N. Virginia)"),
            Item::new("us-west-2", "US West (Oregon)"),
            Item::new("eu-central-1", "Europe (Frankfurt)"),
        ];
        List::new(&items, choice, &[])
    }

    fn type_in(list: &mut List, text: &str) {
        for letter in text.chars() {
            assert_eq!(list.press(&Key::Char(letter)), Reached::Open);
        }
    }

    #[test]
    fn typing_filters_by_name_and_by_description() {
        let mut list = regions(Choice::One);
        type_in(&mut list, "FRANK");
        let chosen = Reached::Chosen(vec!["eu-central-1".to_owned()]);
        assert_eq!(list.press(&Key::Enter), chosen);
    }

    #[test]
    fn what_is_not_in_the_list_can_be_typed() {
        let mut list = regions(Choice::One);
        type_in(&mut list, "mx-central-1");
        let typed = Reached::Typed("mx-central-1".to_owned());
        assert_eq!(list.press(&Key::Enter), typed);
    }

    #[test]
    fn several_are_checked_with_space_or_enter_and_an_empty_enter_ends() {
        let mut list = regions(Choice::Several);
        list.press(&Key::Char(' '));
        list.press(&Key::ArrowDown);
        list.press(&Key::Char(' '));
        list.press(&Key::Char(' '));
        type_in(&mut list, "eu");
        assert_eq!(list.press(&Key::Enter), Reached::Open);
        list.add("mx-central-1");
        let chosen = ["mx-central-1", "us-east-1", "eu-central-1"];
        assert_eq!(
            list.press(&Key::Enter),
            Reached::Chosen(chosen.map(str::to_owned).to_vec())
        );
    }

    #[test]
    fn escape_takes_back_the_filter_first() {
        let mut list = regions(Choice::One);
        type_in(&mut list, "eu");
        assert_eq!(list.press(&Key::Escape), Reached::Open);
        assert_eq!(list.found().len(), 3);
        assert_eq!(list.press(&Key::Escape), Reached::Back);
    }

    #[test]
    fn what_is_typed_is_offered_only_if_it_is_a_value() {
        let mut list = regions(Choice::One);
        type_in(&mut list, "mx-central-1");
        let rows = |accepts_typed| {
            list.view("Region", (24, 80), Leave::Back, accepts_typed)
                .rows
        };
        assert_eq!(rows(true)[1], "  (not in the list; Enter uses it as typed)");
        assert_eq!(
            rows(false)[1..],
            ["  (no match)", "Enter to choose, Esc to clear the filter"]
        );
    }

    #[test]
    fn the_list_is_drawn_with_the_mark_and_the_keys() {
        let mut list = regions(Choice::Several);
        list.add("us-west-2");
        list.press(&Key::ArrowDown);
        let View { rows, cursor } = list.view("Regions", (24, 39), Leave::Back, false);
        assert_eq!(
            rows,
            [
                "Regions: ",
                "  [ ] us-east-1     US East (N. Virgin…",
                "> [x] us-west-2     US West (Oregon)",
                "  [ ] eu-central-1  Europe (Frankfurt)",
                "Type to filter, Space to select, Enter ",
                "to finish, Esc to go back",
            ]
        );
        assert_eq!(cursor, (0, 9));
    }

    proptest! {
        #[test]
        fn every_key_leaves_a_picture_that_fits(
            keys in proptest::collection::vec(0_usize..8, 0..30),
            rows in 8_usize..40,
            width in 16_usize..100,
        ) {
            let mut list = regions(Choice::Several);
            for key in keys {
                let key = [
                    Key::ArrowUp, Key::ArrowDown, Key::PageUp, Key::PageDown,
                    Key::Char(' '), Key::Char('u'), Key::Backspace, Key::Char('z'),
                ][key].clone();
                list.press(&key);
                let view = list.view("Regions", (rows, width), Leave::Cancel, true);
                prop_assert!(view.rows.iter().all(|row| measure_text_width(row) <= width));
                let marks = view.rows.iter().filter(|row| row.starts_with('>')).count();
                prop_assert_eq!(marks, usize::from(!list.found().is_empty()));
            }
        }
    }
}
