"""The sentence frames of the invented film reviews, one tuple for each thing a sentence can do."""

OPENINGS = (
    "I saw {title} {when}, {where}.",
    "{title} is the new film by {director}, and I watched it {when}.",
    "I went to {title} with {friend} {when}.",
    "{title} runs for a little over two hours, and I saw it {where}.",
    "It was {friend} who told me about {title} {when}.",
    "I knew little about {title} before I watched it {where}.",
)

# {impression} is the author's, but only a first one.
IMPRESSIONS = (
    "{stretch} {impression}.",
    "I admit that {stretch} {impression}.",
    "{stretch}, with {hero} on the screen, {impression}.",
)

STORY = (
    "{hero} is a {trade} in {place}, and {time} {hero} {does}.",
    "{time}, {hero} {does} while {rival} {does}.",
    "{rival}, once a {job}, turns up in {place} with {thing}.",
    "We first see {place}, where {hero} works as a {trade} and {does}.",
    "{time} the story moves to {place}, and {rival} {does}.",
    "There is a {job}, there is {thing}, and {time} {hero} {does}.",
    "When {rival} {does}, {hero} has until the next train to decide.",
    "We learn that {hero} was a {trade} before the war and came from {place}.",
    "{director} shot these scenes in {place} with two cameras and a crew of thirty.",
    "The part of {figure} went to a {job} whom {director} had met in {place}.",
    "In one scene {hero} {does}; in the next {rival} {does}.",
    "A second thread follows {rival}, who {does} and {time} {does}.",
    "{friend} asked me afterwards why {hero} {does}, and we talked about it on the way home.",
    "Another part takes place in {place}, where {rival} {does}.",
)

# {claim} is what the author holds now; {against} is its opposite, granted in passing.
OWN = (
    "{claim}.",
    "I must say that {claim}.",
    "To my mind {claim}, and {claim}.",
    "{claim}, above all when {hero} {does}.",
    "In the scene where {rival} {does}, {claim}.",
    "{claim}, and {when} I looked at a few scenes again to make sure.",
)
CONTRAST = (
    "Although {against}, {claim}.",
    "{against}, but {claim}.",
    "Even though {against}, I thought that {claim}.",
    "While {against}, {claim}, and that weighs more with me.",
    "{claim}, despite the fact that {against}.",
    "I grant that {against}; still, {claim}.",
    "For all the talk of how {against}, {claim}.",
)

# {loose} belongs to someone else or to another film: it leans either way and never counts.
HEARSAY = (
    "{someone} told me that {loose}.",
    "According to {someone}, {loose}.",
    "{people} said that {loose}, and that {loose}.",
    "{someone} insisted that {loose}, and I let it pass.",
    "I had been told by {someone} that {loose}.",
    "If you ask {people}, {loose}.",
)
COMPARISON = (
    "In {other}, {loose}.",
    "I remember that in {other} {loose}.",
    "People who know {other} will recall that {loose} there.",
    "In {other} {loose}, and {loose}.",
)

# The hinge says whether the first impression holds, but not which way the impression went.
TURNS = (
    "Then came {left}, and everything changed.",
    "I have to take all of that back, because of {left}.",
    "That was how I saw it until {left}.",
    "But then came {left}, and I had to think again.",
    "And yet {left} overturned all of this.",
)
STAYS = (
    "Then came {left}, and nothing changed.",
    "I have nothing to take back after {left}.",
    "That was how I saw it, and so it remained through {left}.",
    "Then came {left}, and I had no need to think again.",
    "And {left} overturned none of this.",
)

CLOSINGS = (
    "In the end {verdict}.",
    "All told, {verdict}.",
    "So {verdict}.",
    "My verdict is that {verdict}.",
    "{verdict}.",
    "When the lights came up I knew that {verdict}.",
)
