"""Words of TPC-DS's columns. Where queries ask for a value, it is the specification's; the rest is our own."""

DAYS = ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"]
SYLLABLES = ["bar", "ought", "able", "pri", "ese", "anti", "cally", "ation", "eing", "n st"]
CATEGORIES = ["Women", "Men", "Children", "Shoes", "Music", "Jewelry", "Home", "Sports", "Books", "Electronics"]
CLASSES = [
    ["dresses", "fragrances", "maternity", "swimwear"],
    ["accessories", "pants", "shirts", "sports-apparel"],
    ["infants", "newborn", "school-uniforms", "toddlers"],
    ["athletic", "kids", "mens", "womens"],
    ["classical", "country", "pop", "rock"],
    ["birdal", "bracelets", "consignment", "costume", "custom", "diamonds", "earings", "estate", "gold", "jewelry boxes",
     "loose stones", "mens watch", "pendants", "rings", "semi-precious", "womens watch"],
    ["accent", "bathroom", "bedding", "blinds/shades", "curtains/drapes", "decor", "flatware", "furniture", "glassware", "kids",
     "lighting", "mattresses", "paint", "rugs", "tables", "wallpaper"],
    ["archery", "athletic shoes", "baseball", "basketball", "camping", "fishing", "fitness", "football", "golf", "guns",
     "hockey", "optics", "outdoor", "pools", "sailing", "tennis"],
    ["arts", "business", "computers", "cooking", "entertainments", "fiction", "history", "home repair", "mystery", "parenting",
     "reference", "romance", "science", "self-help", "sports", "travel"],
    ["audio", "automotive", "camcorders", "cameras", "disk drives", "dvd/vcr players", "karoke", "memory", "monitors", "musical",
     "personal", "portable", "scanners", "stereo", "televisions", "wireless"],
]
BRANDS = ["amalg", "edu pack", "exporti", "importo", "scholar", "brand", "corp", "maxi"]
SIZES = ["small", "medium", "large", "extra large", "petite", "economy", "N/A"]
UNITS = ["Bunch", "Bundle", "Box", "Carton", "Case", "Cup", "Dozen", "Dram", "Each", "Gram", "Gross", "Lb", "N/A", "Ounce", "Oz",
         "Pallet", "Pound", "Tbl", "Ton", "Tsp", "Unknown"]
COLORS = """almond aquamarine azure beige black blue brown chartreuse chiffon chocolate coral cornsilk cream cyan dark dodger
firebrick floral forest ghost green honeydew hot indian ivory khaki lace lavender lemon light lime linen magenta maroon medium
metallic midnight mint misty navajo navy olive orange orchid pale papaya peach peru pink plum powder puff purple red rose rosy
royal saddle salmon sandy seashell sienna sky slate smoke snow spring steel tan thistle tomato turquoise violet wheat white
yellow""".split()
EDUCATIONS = ["Primary", "Secondary", "College", "2 yr Degree", "4 yr Degree", "Advanced Degree", "Unknown"]
RATINGS = ["Good", "Low Risk", "High Risk", "Unknown"]
POTENTIALS = ["0-500", "501-1000", "1001-5000", "5001-10000", ">10000", "Unknown"]
# County, state, hours from UTC; the first is where most shops are.
PLACES = [
    ("Williamson County", "TN", -5), ("Ziebach County", "SD", -6), ("Walker County", "GA", -5), ("Daviess County", "KY", -5),
    ("Barrow County", "GA", -5), ("Fairfield County", "OH", -5), ("Luce County", "MI", -5), ("Richland County", "MT", -7),
    ("Franklin Parish", "LA", -6), ("Bronx County", "NY", -5), ("Orange County", "CA", -8), ("Maverick County", "TX", -6),
    ("Raleigh County", "WV", -5), ("Huron County", "MI", -5), ("Mobile County", "AL", -6), ("Terrell County", "TX", -6),
    ("Salem County", "NJ", -5), ("Dauphin County", "PA", -5), ("Lea County", "NM", -7), ("Wadena County", "MN", -6),
    ("Oglethorpe County", "GA", -5), ("Clinton County", "IN", -5), ("Pierce County", "WA", -8), ("Lunenburg County", "VA", -5),
    ("Hubbard County", "MN", -6), ("Rush County", "KS", -6), ("Toole County", "MT", -7), ("Jefferson County", "CO", -7),
    ("Dona Ana County", "NM", -7), ("La Porte County", "IN", -5), ("Marion County", "OR", -8), ("Pipestone County", "MN", -6),
    ("Perry County", "MS", -6), ("Midland County", "NC", -5), ("Story County", "IA", -6), ("Cass County", "ND", -6),
    ("Adams County", "WI", -6), ("Grady County", "OK", -6), ("Boone County", "MO", -6), ("Lincoln County", "NE", -6),
]
CITIES = ["Midway", "Fairview", "Oak Grove", "Five Points", "Pleasant Hill", "Centerville", "Riverside", "Salem", "Liberty",
          "Oakland", "Edgewood", "Greenville", "Union", "Concord", "Shiloh", "Mount Zion", "Bethel", "Antioch", "Springdale", "Georgetown"]
ZIPS = [f"{(number * 7919 + 24128) % 90000 + 10000:05d}" for number in range(400)]
STREETS = ["Main", "Oak", "Park", "Maple", "Elm", "Pine", "Cedar", "Lake", "Hill", "Walnut", "Spring", "North", "Ridge", "Church",
           "Willow", "Mill", "River", "Sunset", "Railroad", "Jackson"]
STREET_TYPES = ["Ave", "Avenue", "Blvd", "Boulevard", "Circle", "Court", "Dr.", "Drive", "Lane", "Ln", "Parkway", "Pkwy", "RD", "Road",
                "ST", "Street", "Way", "Wy"]
SALUTATIONS = ["Mr.", "Mrs.", "Ms.", "Miss", "Dr.", "Sir"]
FIRST_NAMES = """Ada Alan Alice Amir Anna Boris Carla Carlos Chen Clara David Diego Elena Emil Emma Eric Fatima Frank George Grace
Hana Henry Hugo Ines Ivan James Jane John Jorge Julia Karen Karl Kenji Laura Leo Linda Louis Lucy Marco Maria Mark Mary Mei Nadia
Nina Noah Olga Omar Oscar Paul Peter Pilar Priya Rosa Ruth Samuel Sara Sofia Tariq Thomas Vera Victor Yara Zoe""".split()
LAST_NAMES = """Adams Allen Baker Bell Brown Carter Clark Cook Cruz Davis Diaz Evans Fischer Flores Fox Garcia Gray Green Hall Harris
Hill Hughes Jackson Jones Kelly Khan King Kumar Lee Lewis Lopez Martin Mason Meyer Miller Moore Morris Nelson Novak Ortiz Owens
Parker Patel Perez Price Reed Rivera Ross Russo Sato Scott Silva Simon Singh Smith Stone Tanaka Taylor Turner Walker Weber White
Wood Wright Young""".split()
COUNTRIES = ["ARGENTINA", "BRAZIL", "CANADA", "CHINA", "EGYPT", "FRANCE", "GERMANY", "GHANA", "INDIA", "ITALY", "JAPAN", "KENYA",
             "MEXICO", "NORWAY", "PERU", "POLAND", "SPAIN", "TURKEY", "UNITED STATES", "VIET NAM"]
REASONS = ["Package was damaged", "Stopped working", "Did not get it on time", "Not the product that was ordred", "Parts missing",
           "Does not work with a product that I have", "Gift exchange", "Did not like the color", "Did not like the model",
           "Did not like the make", "Did not like the warranty", "No service location in my area", "Found a better price in a store",
           "Found a better extended warranty in a store", "Not working any more", "Did not fit", "Wrong size", "Lost my job"]
SHIP_TYPES = ["REGULAR", "EXPRESS", "NEXT DAY", "OVERNIGHT", "TWO DAY"]
SHIP_CODES = ["AIR", "SURFACE", "SEA", "BIKE"]
CARRIERS = ["UPS", "FEDEX", "AIRBORNE", "USPS", "DHL", "TBS", "ZHOU", "ZOUROS", "MSC", "LATVIAN", "ALLIANCE", "ORIENTAL", "BARIAN",
            "BOXBUNDLES", "CARGO", "DIAMOND", "RUPEKSA", "GERMA", "HARMSTORF", "PRIVATECARRIER"]
HOURS = ["8AM-4PM", "8AM-8AM", "8AM-12AM"]
CENTERS = ["NY Metro", "Mid Atlantic", "North Midwest", "California", "Pacific Northwest", "Central Midwest"]
PAGES = ["ad", "dynamic", "feedback", "general", "order", "protected", "welcome"]
WORDS = """able about above across actual afraid again ago also always among ancient apart area around available away back bad basic
beautiful because big black blue both brief bright broad calm careful central certain cheap clean clear close cold common complete
cool correct critical daily dark deep different direct distant double dry early easy effective empty enough entire equal even exact
extra fair famous far fast few final fine firm first flat foreign formal free fresh full funny future general gentle glad good grand
great green happy hard heavy helpful high historic hot huge human ideal important just keen kind large late least left legal likely
little local long loose loud low main major many mean minor modern narrow national natural near neat new nice normal odd old only
open other outer own pale past perfect plain poor popular possible present pretty proper public pure quick quiet rapid rare ready
real recent red right rough round royal rural safe same sharp short simple slow small soft solid sorry special square still strange
strict strong sudden sure sweet tall thick thin tight tiny total tough true typical unusual upper urban useful usual vast wide wild
wise wooden wrong yellow young""".split()
