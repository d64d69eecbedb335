/* Names of the department store: twelve departments of twenty products. */
#include "engine/data/world_impl.h"

// clang-format off
static const char *const department_names[DEPARTMENTS] = {
    "baking", "bakeware", "cards", "newsstand", "snacks", "presents",
    "bread", "fillings", "sauces", "garden", "music", "books",
};

static const char *const product_names[DEPARTMENTS][NAMES_A_DEPARTMENT] = {
    {"flour", "eggs", "butter", "sugar", "milk", "cocoa", "yeast", "almonds", "vanilla", "cream", "honey", "oats", "raisins",
     "cinnamon", "baking powder", "walnuts", "lemons", "rice flour", "syrup", "salt"},
    {"cake tin", "whisk", "rolling pin", "muffin tray", "mixing bowl", "sieve", "pastry brush", "loaf tin", "measuring jug",
     "piping bag", "cooling rack", "spatula", "kitchen scale", "oven glove", "timer", "pie dish", "cutter set", "grater",
     "tart ring", "apron"},
    {"birthday card", "wedding card", "baby card", "moving-in card", "graduation card", "retirement card", "thank-you card",
     "get-well card", "valentine card", "christmas card", "envelopes", "stamps", "ribbon", "balloons", "candles", "banner",
     "confetti", "postcards", "stickers", "gift wrap"},
    {"Garden Weekly", "City Post", "Chess Monthly", "Cycling News", "Radio Guide", "Science Digest", "Home & Hearth",
     "Film Review", "Jazz Notes", "Train World", "Puzzle Time", "Coastal Living", "Bird Watch", "Kitchen Table", "Photo Eye",
     "History Now", "Camping Life", "Dog's Day", "Comic Strip", "Evening Star"},
    {"crisps", "pretzels", "popcorn", "peanuts", "crackers", "olives", "trail mix", "rice cakes", "chocolate bar", "mints",
     "gum", "liquorice", "fudge", "biscuits", "flapjack", "grapes", "apple", "banana", "smoothie", "iced tea"},
    {"toy train", "champagne flutes", "baby blanket", "house plant", "fountain pen", "pocket watch", "box of chocolates",
     "herbal tea", "red roses", "nutcracker", "photo frame", "scented soap", "board game", "wool scarf", "teapot", "music box",
     "puzzle", "vase", "wine rack", "globe"},
    {"rye", "baguette", "ciabatta", "pitta", "bagel", "toast", "focaccia", "pumpernickel", "wrap", "brioche", "soda bread",
     "sourdough", "naan", "crispbread", "roll", "tortilla", "challah", "cornbread", "flatbread", "bun"},
    {"ham", "cheddar", "tuna", "hummus", "salmon", "egg salad", "roast beef", "mozzarella", "turkey", "falafel", "salami",
     "brie", "chicken", "avocado", "bacon", "feta", "prawns", "tofu", "pate", "tomato"},
    {"mustard", "mayonnaise", "pesto", "ketchup", "chutney", "horseradish", "aioli", "salsa", "relish", "tahini", "ranch",
     "tartare", "harissa", "gravy", "cranberry", "piccalilli", "soy sauce", "sriracha", "vinaigrette", "butter sauce"},
    {"trowel", "watering can", "seed tray", "tulip bulbs", "rose bush", "compost", "gloves", "rake", "bird feeder", "hose",
     "pruner", "plant pot", "lavender", "tomato seeds", "wheelbarrow", "trellis", "fertiliser", "spade", "herb kit", "lantern"},
    {"string quartet", "blues album", "opera box", "folk songs", "drum solo", "jazz trio", "film scores", "choir", "synth pop",
     "guitar classics", "brass band", "lullabies", "tango", "symphony", "reggae", "harp", "piano nocturnes", "punk single",
     "ragtime", "cello suites"},
    {"sea stories", "crime novel", "atlas", "cookery book", "poems", "ghost tales", "biography", "space opera", "fables",
     "travel diary", "art book", "western", "myths", "detective omnibus", "history of tea", "bird guide", "letters",
     "play scripts", "comic novel", "dictionary"},
};
// clang-format on

const char *world_department_name(int32_t department)
{
    return department >= 0 && department < DEPARTMENTS ? department_names[department] : NULL;
}

const char *world_product_name(int32_t department, int32_t product)
{
    return product_names[department][product % NAMES_A_DEPARTMENT];
}
