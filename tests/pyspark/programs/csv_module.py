import csv
import sys
from io import StringIO
from collections import namedtuple
from datetime import datetime
from pyspark import SparkConf, SparkContext

fields = ("order_id", "product", "quantity", "price", "date", "address")
Order = namedtuple("Order", fields)


def parse(row):
    return Order(int(row[0]), row[1], int(row[2] or 0), float(row[3]), datetime.strptime(row[4], "%m/%d/%y %H:%M"), row[5])


def split(line):
    return parse(next(csv.reader(StringIO(line))))


def parse_partition(lines):
    for row in csv.reader(lines, delimiter=",", quotechar='"'):
        yield parse(row)


def main(sc, path):
    raw = sc.textFile(path + "/sales.csv")
    header = raw.first()
    print(header)
    data = raw.filter(lambda line: line != header)
    orders = data.map(split)
    print(orders.take(2))
    same = data.mapPartitions(parse_partition).collect() == orders.collect()
    print("same", same, orders.count())
    orders.persist()
    by_month = orders.map(lambda o: (o.date.month, o.quantity * o.price)).reduceByKey(lambda a, b: a + b)
    for month, total in by_month.sortByKey().collect():
        print("%02d %10.2f" % (month, total))
    city = orders.map(lambda o: (o.address.split(", ", 1)[1], 1)).countByKey()
    print(sorted(city.items()))
    avg = orders.map(lambda o: (o.product, (o.price, 1))).reduceByKey(lambda a, b: (a[0] + b[0], a[1] + b[1])).mapValues(lambda v: round(v[0] / v[1], 2))
    print(avg.collectAsMap())
    print(orders.filter(lambda o: o.quantity == 0).map(lambda o: o.order_id).take(5))
    print(orders.max(key=lambda o: o.price * o.quantity).order_id, orders.min(key=lambda o: o.date).date.isoformat())
    no_header = raw.zipWithIndex().filter(lambda t: t[1] > 0).map(lambda t: t[0])
    also = raw.mapPartitionsWithIndex(lambda i, it: list(it)[1:] if i == 0 else it)
    print(no_header.count(), also.count(), no_header.subtract(also).isEmpty())


if __name__ == "__main__":
    conf = SparkConf().setAppName("csv").setMaster("local[2]")
    sc = SparkContext(conf=conf)
    main(sc, sys.argv[1])
    sc.stop()
