/**
 * The words of which networks' short names are made. They name things, differ in their first four letters, and in three letters at least, so that one isn't heard
 * or read for another. A network keeps its name only as long as this list stays as it is. Pure, any thread.
 */

/** 256 words, one for each value of a byte; 4 to 8 letters a-z. */
export const NETWORK_WORDS: readonly string[] = `
  abacus acorn album alley amber anchor antler apple apron atlas autumn avenue azalea badge bakery balcony bamboo bandana banjo
  barn basil basket beacon beaver bell bicycle birch biscuit bishop blizzard blossom bobcat bonfire border bottle bramble bread
  breeze brick broom buffalo bungalow butter cabin cactus camel candle canyon carrot cashew cedar chalk cherry chimney chisel
  cinnamon circus clarinet clay cliff clover cobalt cockpit coconut compass confetti copper cotton cricket crown crystal
  cupboard curtain cymbal cypress dagger dahlia daisy daylight desert dewdrop diamond dolphin domino donkey dragon drum dune
  dynamo eagle echo eclipse emerald engine estuary fabric feather fiddle field fjord flamingo flute forest fossil fountain
  fuchsia galaxy garden garlic geyser ginger giraffe glacier globe goblet gondola gravel guitar hamlet harbor harvest helmet
  horizon husky hyacinth iceberg igloo indigo insect island ivory jaguar jasmine javelin jigsaw jungle juniper kayak kernel
  kiosk kitten kiwi koala ladder lagoon lantern lasso lavender lemon leopard library lichen lily llama lobster locket lotus
  macaw magnet mammoth marble meadow meteor mirror monsoon mosaic moth muffin mulberry mustard napkin nebula nectar needle
  nickel nugget nutmeg oatmeal obelisk oboe ocean olive onion opal orbit orchid pagoda papaya peach pebble pelican pencil piano
  pigeon pillow planet pollen pony poplar prairie pretzel prism pumpkin puzzle quartz quilt rabbit radish raft rainbow reef
  ribbon river rosemary ruby saffron salmon sandal sapphire satchel scarf shuttle skylark sled sparrow spiral spruce squid
  stable storm summit sunset swan syrup teapot temple thistle thunder toast tortoise trumpet tulip tundra turtle umbrella
  vanilla violet volcano waffle walnut window wizard wolf zebra zephyr zigzag
`
  .trim()
  .split(/\s+/)
