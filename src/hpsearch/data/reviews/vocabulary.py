"""The words and frames of the invented film reviews; a slot such as {place} names a list here."""

from typing import NamedTuple

# Packed by hand: one word a line would take five hundred lines.
# fmt: off


class Wording(NamedTuple):
    """Ways to say one thing and to deny it, and the {word} each takes from the bad or good side.

    Saying a good word and denying a bad one mean the same, so the word alone settles nothing.
    """

    said: tuple[str, ...]
    denied: tuple[str, ...]
    bad: tuple[str, ...]
    good: tuple[str, ...]


FRIENDS = (
    "my brother", "my sister", "my neighbour", "my father", "my aunt", "a colleague", "my flatmate",
    "an old friend", "my cousin", "my dentist",
)

# These slots say nothing about quality: a word that leaned either way would leak the label.
SLOTS: dict[str, tuple[str, ...]] = {
    "aspect": (
        "the acting", "the plot", "the music", "the camera work", "the script", "the editing",
        "the dialogue", "the pacing", "the humour", "the romance", "the lighting", "the sound",
        "the staging", "the lead performance", "the supporting cast", "the set design",
        "the central friendship", "the voice-over", "the costume work", "the direction",
        "the story", "the chase", "the family subplot", "the opening scene",
    ),
    # The same adverbs follow "was" and "was not": neighbouring words do not give negation away.
    "very": ("really", "truly", "especially", "particularly", "very", "genuinely", "altogether"),
    "truly": ("really", "truly", "honestly", "genuinely", "seriously"),
    "readily": ("honestly", "readily", "gladly", "happily", "actually"),
    "friend": FRIENDS,
    "someone": (
        *FRIENDS, "the man beside me", "the critic in our paper", "our projectionist",
        "the woman at the ticket desk",
    ),
    "people": (
        "critics", "most reviewers", "my friends", "the people behind us", "the papers",
        "my parents", "festival audiences", "my students", "the regulars at our cinema",
    ),
    "other": (
        "the earlier film", "the first part", "the director's debut", "the television version",
        "the French original", "the remake", "last year's sequel", "the silent version",
        "the short film it grew out of",
    ),
    "when": (
        "on Friday", "last night", "in March", "over the holidays", "on a rainy Sunday",
        "late one evening", "in the afternoon", "a week ago", "after work",
    ),
    "where": (
        "at the cinema on our street", "in a half-empty hall", "at home", "at a small festival",
        "in an open-air theatre", "on a borrowed disc", "at the film club", "in a packed house",
    ),
    "hero": (
        "Marta", "Edwin", "Oskar", "Leila", "Tomas", "Ines", "Harold", "Judith", "Pavel", "Nora",
        "Silas", "Greta", "Amir", "Beatrice", "Colm", "Yuki",
    ),
    "rival": (
        "Viktor", "Agnes", "Desmond", "Rosa", "Quentin", "Mirela", "Lionel", "Thea", "Bruno",
        "Celeste", "Hugo", "Wanda",
    ),
    "given": ("Anneke", "Piotr", "Miriam", "Jonas", "Farid", "Helen", "Sandro", "Kirsten"),
    "surname": (
        "Halloran", "Vesely", "Okonjo", "Brandt", "Castellane", "Lindqvist", "Moreau", "Takeda",
        "Pryce", "Zielinski", "Farrow", "Demir",
    ),
    "first": (
        "Salt", "Winter", "Paper", "Northern", "Seventh", "Glass", "Borrowed", "Copper", "Silent",
        "Harbour", "Midnight", "Distant", "Yellow", "Second", "Hidden", "Iron",
    ),
    "second": (
        "Orchard", "Ferry", "Lantern", "Station", "Letter", "Garden", "Bridge", "Kitchen", "Clock",
        "Road", "Island", "Tenant", "Parade", "Window", "River", "Engine",
    ),
    "job": (
        "baker", "surveyor", "postman", "piano tuner", "night nurse", "translator", "locksmith",
        "ferry pilot", "schoolteacher", "cartographer", "clerk", "beekeeper", "radio engineer",
    ),
    "place": (
        "a fishing town", "the old quarter", "a village below the dam", "a border post",
        "a mining valley", "an island with one road", "a suburb of Lisbon", "a desert motel",
        "a lighthouse", "the last house on the coast", "a railway hotel", "a town without a map",
    ),
    "thing": (
        "a suitcase", "a photograph", "a key", "a sealed letter", "a violin", "a ledger", "a map",
        "a wedding ring", "a box of tapes", "a red coat", "a telegram", "a pocket watch",
    ),
    "time": (
        "one morning", "that summer", "a year later", "on the third day", "before the storm",
        "after the funeral", "at the harvest fair", "in the middle of the night", "by winter",
    ),
    "figure": (
        "an old rival", "the mayor", "a deserter", "the widow next door", "a travelling singer",
        "the harbour master", "a runaway", "the neighbour's son",
    ),
    "does": (
        "finds {thing} under the floor", "takes a room above the bakery", "meets {figure} again",
        "misses the last boat", "is asked to carry {thing} across the border",
        "starts to follow {figure} through the market", "sells the house", "goes back to {place}",
        "writes to {figure}", "hides {thing} in the cellar", "learns to drive a lorry",
        "is taken for {figure}", "makes a bet with {figure}", "counts the days to the trial",
        "gives {thing} to {figure}", "waits for a telephone call",
    ),
    "stretch": (
        "for the first hour", "through the opening scenes", "for most of the first part",
        "at first", "in the early scenes", "for the first forty minutes",
    ),
    "left": (
        "the last half hour", "the final act", "the last twenty minutes", "the whole last third",
        "the final stretch", "the second half",
    ),
}

QUALITY = Wording(
    said=(
        "was {very} {word}", "was {very} {word} from start to finish", "struck me as {very} {word}",
        "was exactly what I would call {word}", "turned out to be {very} {word}",
        "was nothing if not {word}", "could not have been more {word}",
        "was never less than {word}",
    ),
    denied=(
        "was not {very} {word}", "was never {very} {word}", "was hardly ever {very} {word}",
        "did not strike me as {very} {word}", "was hardly what I would call {word}",
        "was far from being {very} {word}", "was never once {very} {word}",
        "could not have been less {word}", "was by no means {very} {word}",
    ),
    bad=(
        "dull", "clumsy", "wooden", "tedious", "lazy", "hollow", "shallow", "tired", "forced",
        "flat", "muddled", "grating", "stale", "lifeless", "bland", "sloppy", "silly", "confusing",
        "predictable", "irritating",
    ),
    good=(
        "convincing", "inventive", "graceful", "gripping", "tender", "witty", "warm", "fresh",
        "memorable", "subtle", "assured", "lively", "moving", "elegant", "charming", "clever",
        "absorbing", "honest", "delightful", "sharp",
    ),
)
EFFECT = Wording(
    said=(
        "managed to {word} me", "did {truly} {word} me", "never failed to {word} me",
        "rarely failed to {word} me", "kept finding ways to {word} me",
    ),
    denied=(
        "failed to {word} me", "did not {truly} {word} me", "never managed to {word} me",
        "hardly managed to {word} me", "found no way to {word} me",
    ),
    bad=("bore", "annoy", "tire", "confuse", "irritate", "lose", "disappoint", "exhaust"),
    good=("move", "charm", "grip", "delight", "amuse", "touch", "impress", "enchant"),
)
CONTENT = Wording(
    said=(
        "was full of {word}", "was never free of {word}", "had plenty of {word}",
        "had no shortage of {word}", "was never short of {word}",
    ),
    denied=(
        "was free of {word}", "was never full of {word}", "had hardly a trace of {word}",
        "had no great store of {word}", "was short of {word}",
    ),
    bad=("padding", "noise", "nonsense", "laziness", "clutter", "cliché", "bluster"),
    good=("charm", "wit", "warmth", "imagination", "grace", "energy", "invention"),
)
# What the author says of an aspect; mostly plain adjectives.
CLAIMS = (QUALITY, QUALITY, EFFECT, CONTENT)

IMPRESSION = Wording(
    said=("I was {truly} {word}", "I found myself {truly} {word}", "I was nothing if not {word}"),
    denied=(
        "I was not {truly} {word}", "I was hardly ever {truly} {word}", "I was anything but {word}",
    ),
    bad=("bored", "annoyed", "weary", "restless", "baffled"),
    good=("enthralled", "charmed", "spellbound", "amused", "touched"),
)

VERDICTS = (
    Wording(
        said=("I would {readily} {word}", "I could {readily} {word}", "I will {readily} {word}"),
        denied=(
            "I would not {readily} {word}", "I could never {readily} {word}",
            "I will hardly {readily} {word}",
        ),
        bad=("walk out on it", "warn people off it", "leave before it ends", "give it a bad name"),
        good=("see it again", "recommend it", "give it a place on my shelf", "praise it"),
    ),
    Wording(
        said=("I call this film a real {word}", "I came out sure that I had seen a real {word}"),
        denied=(
            "I cannot call this film a real {word}", "it is a long way from being a real {word}",
            "I came out unsure that I had seen a real {word}",
        ),
        bad=("failure", "mess", "disaster", "chore"),
        good=("triumph", "success", "gem", "treat"),
    ),
    Wording(
        said=("I do {truly} {word} the evening I gave it",),
        denied=(
            "I do not {truly} {word} the evening I gave it",
            "I could never {truly} {word} the evening I gave it",
        ),
        bad=("regret", "resent", "begrudge"),
        good=("treasure", "cherish", "value"),
    ),
    Wording(
        said=("I was quite right to expect a {word}", "those who expect a {word} will be right"),
        denied=("I was quite wrong to expect a {word}", "those who expect a {word} will be wrong"),
        bad=("disaster", "failure", "letdown"),
        good=("triumph", "success", "treat"),
    ),
    Wording(
        said=("I left my seat feeling {truly} {word}",),
        denied=(
            "I left my seat without feeling {truly} {word}",
            "I left my seat feeling anything but {word}",
        ),
        bad=("cheated", "drained", "let down"),
        good=("rewarded", "refreshed", "cheered"),
    ),
    Wording(
        said=(
            "the film deserves all of the {word} it gets", "the film has earned the {word} it gets",
        ),
        denied=(
            "the film deserves none of the {word} it gets",
            "the film has not earned the {word} it gets",
        ),
        bad=("scorn", "mockery", "blame"),
        good=("praise", "applause", "acclaim"),
    ),
)
