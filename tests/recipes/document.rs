//! What docs/recipes.md tells its readers to type and to write into files. The line that opens such a block says where:
//! the machine, and after a colon the path of a file.

/// One recipe: its blocks, in their order.
pub struct Recipe {
    heading: &'static str,
    blocks: Vec<Block>,
}

struct Block {
    language: String,
    machine: String,
    path: Option<String>,
    text: String,
}

impl Recipe {
    /// The one with this heading.
    pub fn of(heading: &'static str) -> Self {
        let page = include_str!("../../docs/recipes.md");
        let section =
            page.split("\n## ").find_map(|section| section.strip_prefix(heading)?.strip_prefix('\n'));
        let section = section.unwrap_or_else(|| panic!("docs/recipes.md has no recipe {heading}"));
        let fenced = section.split("\n```").skip(1).step_by(2);
        let blocks = fenced.map(|fenced| {
            let (opening, text) = fenced.split_once('\n').unwrap();
            // Without a place it is only shown.
            let (language, place) = opening.split_once(' ').unwrap_or((opening, ""));
            let (machine, path) = match place.split_once(':') {
                Some((machine, path)) => (machine, Some(path.to_owned())),
                None => (place, None),
            };
            let (language, machine) = (language.to_owned(), machine.to_owned());
            Block { language, machine, path, text: format!("{text}\n") }
        });
        Self { heading, blocks: blocks.collect() }
    }

    /// What is typed on this machine: all of it, or what has `part` in it if several blocks are.
    pub fn typed(&self, machine: &str, part: &str) -> &str {
        let typed = self.blocks.iter().filter(|block| block.machine == machine && block.path.is_none());
        let mut typed = typed.filter(|block| block.text.contains(part));
        let text = typed.next().map(|block| block.text.as_str());
        assert!(typed.next().is_none(), "several blocks of {} have {part:?}", self.heading);
        text.unwrap_or_else(|| panic!("{} has nothing with {part:?} on {machine}", self.heading))
    }

    /// The only block in this language.
    pub fn shown(&self, language: &str) -> &str {
        let mut shown = self.blocks.iter().filter(|block| block.language == language);
        let text = &shown.next().unwrap().text;
        assert!(shown.next().is_none());
        text
    }

    /// The files of this machine: their paths and what is in them.
    pub fn files(&self, machine: &str) -> impl Iterator<Item = (&str, &str)> {
        let files = self.blocks.iter().filter(move |block| block.machine == machine);
        files.filter_map(|block| Some((block.path.as_deref()?, block.text.as_str())))
    }
}

#[test]
fn the_page_says_in_words_where_each_file_goes() {
    let page = include_str!("../../docs/recipes.md");
    for section in page.split("\n```").collect::<Vec<_>>().windows(2).step_by(2) {
        let [before, fenced] = section else { continue };
        if let Some(path) = fenced.lines().next().unwrap().split_once(':').map(|(_, path)| path) {
            let said = before.lines().last().unwrap_or_default();
            let said = if said.is_empty() { before.trim_end().lines().last().unwrap() } else { said };
            assert!(said.contains(&format!("`{path}`")), "{path}: {said}");
        }
    }
}
