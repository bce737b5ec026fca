"""Personal data hidden: hashes, masks, tokens, encryption, generalisation, k-anonymity, validation by rules."""
import re
import sys

from pyspark.sql import SparkSession
from pyspark.sql import functions as F
from pyspark.sql.types import BooleanType, StringType

spark = SparkSession.builder.master("local[1]").appName("mask").getOrCreate()
people = spark.createDataFrame([
    (1, "Ann Smith", "ann.smith@example.com", "+1 (555) 010-2345", "4111111111111111", 34, "SW1A 1AA", "1.2.3.4"),
    (2, "bob o'neil", "bob@x.org", "555.010.9999", "5500-0000-0000-0004", 36, "SW1A 2AB", "10.0.0.255"),
    (3, "Çelik Ömer", "omer@örnek.com.tr", None, "340000000000009", 61, "EC1A 1BB", "256.1.1.1"),
    (4, None, "broken@", "", "1234", 17, None, None),
], "id int, name string, email string, phone string, card string, age int, post string, ip string")
luhn = F.udf(lambda number: sum(sum(divmod(int(d) * (1 + i % 2), 10)) for i, d in enumerate(reversed(re.sub(r"\D", "", number)))) % 10 == 0, BooleanType())
people.select("id", F.initcap("name").alias("name"), F.regexp_replace("phone", r"\D", "").alias("digits"), luhn("card").alias("valid"), F.length("card"), F.soundex("name").alias("sound"), F.levenshtein("name", F.lit("Ann Smyth")).alias("lev")).show()
people.select(F.mask("card").alias("a"), F.expr("mask(name, 'X', 'x', 'n', '*')").alias("b"), F.overlay("card", F.lit("####"), 5).alias("c"), F.concat(F.lpad(F.right("card", F.lit(4)), 12, "*")).alias("d"), F.translate("post", "0123456789", "NNNNNNNNNN").alias("e")).show(truncate=False)
people.select("id", F.sha2("email", 256).substr(1, 12).alias("sha"), F.md5(F.col("email").cast("binary")).alias("md5"), F.crc32("email").alias("crc"), F.hash("name", "age").alias("h"), F.xxhash64("name").alias("xx"), F.base64(F.encode("name", "utf-8")).alias("b64"), F.hex("ip").alias("hex")).show(truncate=False)
key = "0123456789abcdef"
secret = people.withColumn("c", F.base64(F.expr(f"aes_encrypt(email, '{key}', 'ECB', 'PKCS')")))
secret.select("id", "c", F.expr(f"CAST(aes_decrypt(unbase64(c), '{key}', 'ECB', 'PKCS') AS STRING)").alias("p")).show(truncate=False)
general = people.select(F.concat((F.floor(F.col("age") / 10) * 10).cast("string"), F.lit("s")).alias("band"), F.split("post", " ")[0].alias("area"), F.substring_index("email", "@", -1).alias("domain"), F.substring_index("ip", ".", 2).alias("net"))
general.groupBy("band", "area").count().withColumn("ok", F.col("count") >= 2).orderBy("band", "area").show()
rules = {"name": F.col("name").isNotNull(), "email": F.col("email").rlike(r"^[^@\s]+@[^@\s]+\.[^@\s]+$"), "phone": F.length(F.regexp_replace(F.coalesce("phone", F.lit("")), "[^0-9]", "")) >= 10, "adult": F.col("age") >= 18, "ip": F.col("ip").rlike(r"^((25[0-5]|2[0-4]\d|1?\d?\d)(\.|$)){4}$")}
checked = people.select("id", *[c.alias(n) for n, c in rules.items()], F.array_compact(F.array(*[F.when(~F.coalesce(c, F.lit(False)), F.lit(n)) for n, c in rules.items()])).alias("broken"))
checked.show(truncate=False)
print({n: people.filter(~F.coalesce(c, F.lit(False))).count() for n, c in rules.items()})
people.select(F.regexp_extract_all("phone", F.lit(r"(\d+)"), 1).alias("all"), F.regexp_count("email", F.lit("[aeiou]")).alias("vowels"), F.regexp_substr("card", F.lit("[0-9]{4}$")).alias("end"), F.regexp_instr("email", F.lit("@")).alias("at"), F.split_part("ip", F.lit("."), F.lit(3)).alias("third"), F.startswith("name", F.lit("A")).alias("s"), F.reverse("name").alias("r"), F.repeat(F.lit("ab"), 2)).show(truncate=False)
people.select(F.conv(F.substring("card", 1, 4), 10, 16).alias("hex"), F.format_string("%05d|%-6s|%.2f", "id", F.substring("name", 1, 3), F.col("age") / 7).alias("f"), F.format_number(F.col("age") * 12345.678, 2).alias("n"), F.ascii("name"), F.char(F.col("age") + 40), F.bit_length("name"), F.octet_length("name"), F.char_length("name")).show(truncate=False)


@F.udf(returnType=StringType())
def pseudonym(name, number):
    import hashlib

    return None if name is None else hashlib.blake2b(f"{name}:{number}".encode(), digest_size=4).hexdigest()


people.withColumn("p", pseudonym("name", "id")).select("id", "p").orderBy(F.desc("id")).show()
spark.udf.register("shout", lambda s: None if s is None else s.upper() + "!")
people.createOrReplaceTempView("people")
spark.sql("SELECT id, shout(name) AS s, ilike(name, '%SMITH%') AS i, name LIKE '%\\'%' AS q, nvl2(phone, 'has', 'none') AS p, decode(age, 34, 'x', 36, 'y', 'z') AS d, elt(id, 'a', 'b', 'c', 'd') AS e FROM people WHERE NOT (name <=> 'Ann Smith') ORDER BY id").show()
print(spark.sql("SELECT url_encode('a b&ü'), parse_url('http://u@h.org:80/p/q?x=1&y=2#f', 'QUERY', 'y'), try_parse_url('::bad', 'HOST'), uuid() IS NOT NULL, typeof(random(1)), luhn_check('4111111111111111'), quote('it''s')").first())
spark.stop()
