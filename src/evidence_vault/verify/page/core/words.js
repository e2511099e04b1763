/** The word list of docs/format-log.md: the word at position b stands for the byte b. */

export const WORDS = `
  acorn agenda album alpine amber anchor apple apron arctic aspen atlas autumn avocado badge
  bamboo banjo barrel beacon bicycle biscuit blanket blossom bottle bracelet bronze bucket
  buffalo button cabin cactus camel carpet castle cedar chalk cherry chimney cinema citrus
  clover coconut compass copper coral cradle cricket crystal curtain cushion daisy dancer
  desert diamond diesel doctor dolphin domino donkey dragon drum dynamo eagle echo eclipse
  elbow elephant emerald engine envelope evening fabric falcon farmer feather fiddle finger
  flamingo flute forest fossil fountain fridge funnel galaxy garden gazelle geyser giraffe
  glacier goblet granite guitar gymnast hammock helmet hibiscus hickory horizon hydrant
  iceberg igloo indigo insect island ivory jaguar jasmine jelly jigsaw journal jungle kangaroo
  kayak kernel keyboard kitchen kiwi koala ladder lagoon lantern laptop lavender lemon lettuce
  library lilac limestone linen lizard lobster lotus lunar machine magnet marble meadow
  mercury meteor mirror mitten monsoon moonlight mosaic muffin museum napkin nectar needle
  nickel notebook novel nugget nutmeg nylon oasis oatmeal ocean octopus olive omelette onion
  opera orange orchid ostrich otter oxygen palace pancake parrot peanut pebble pelican pencil
  piano picnic pigeon pillow plaster polar pony potato prairie pretzel pudding pumpkin puzzle
  pyramid quilt rabbit radio rainbow ranch raven recipe reindeer ribbon rubber saffron sailor
  salad sandal satchel scarf school seagull sesame silver sketch slipper snow soccer sofa
  spider sponge spruce squirrel stadium sulphur sunset swallow sweater syrup tapestry teapot
  temple tennis theatre thunder topaz tractor trumpet tulip turtle twig ukulele umbrella
  unicorn upstairs vacuum valley vanilla village vinegar violin volcano voyage waffle walnut
  whistle window yogurt zebra zenith zigzag
`
  .trim()
  .split(/\s+/);
