from pyspark import SparkContext
sc = SparkContext("local[2]", "approx")
for n in (10, 150, 400, 999, 2500, 6000):
    numbers = sc.parallelize(range(n), 3)
    print(n, numbers.countApproxDistinct(), numbers.countApproxDistinct(0.2), numbers.countApproxDistinct(0.01), numbers.map(str).countApproxDistinct(0.1),
          numbers.map(lambda x: (x % 700, "k")).countApproxDistinct(0.03))
for bad in (0.0, 0.00001, 1.0):
    try:
        print(sc.parallelize(range(10)).countApproxDistinct(bad))
    except Exception as e:
        print(type(e).__name__)
r = sc.parallelize(range(1000), 10)
print(r.sumApprox(1000), r.meanApprox(1000), r.countApprox(1000), type(r.sumApprox(1000)).__name__, r.meanApprox(1000).confidence, r.meanApprox(1000).low <= r.mean())
sc.stop()
