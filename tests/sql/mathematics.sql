-- Mathematical functions, rounding, bases.
SELECT round(2.5), round(-2.5), round(2.5D), round(1234.567, -2), round(1.005D, 2), bround(2.5), bround(3.5D), round(15, -1), round(2.555, 2);
SELECT ceil(1.2), floor(-1.2), ceil(1.2D), floor(5), ceil(1.234, 2), floor(-1.234, 2), rint(2.5), ceiling(-0.5D), trunc(date'2024-05-05', 'year');
SELECT abs(-5), abs(-5.5), sign(-3), signum(0.0D), negative(4), positive(4), factorial(5), factorial(21), pmod(-7, 3), mod(-7, 3), pmod(7, -3), 7 % -3;
SELECT sqrt(2), cbrt(27), exp(1), expm1(1e-10D), ln(10), log(10), log(2, 8), log10(1000), log2(8), log1p(1), pow(2, 10), power(2.5, 2), ln(0), ln(-1), sqrt(-1);
SELECT sin(1), cos(1), tan(1), asin(1), acos(1), atan(1), atan2(1, 2), sinh(1), cosh(1), tanh(1), asinh(1), acosh(2), atanh(0.5), cot(1), sec(1), csc(1), degrees(pi()), radians(180), e(), hypot(3, 4);
SELECT bin(10), hex(255), conv('ff', 16, 10), conv('100', 2, 16), conv('-10', 10, 16), unhex('zz'), bit_count(7), bit_get(5, 2), shiftleft(1, 3), shiftright(-8, 1), shiftrightunsigned(-8, 28), width_bucket(5, 0, 10, 5);
SELECT greatest(1, null, 3), least(2, 1.5), greatest('a', 'b'), isnan(double('nan')), nanvl(double('nan'), 1), double('nan') = double('nan'), double('nan') > double('inf'), -0.0D = 0.0D, null + 1;
SELECT uuid() IS NOT NULL, rand(5) IS NOT NULL, rand(7), randn(3), typeof(1.5), typeof(array(map(1, 'a'))), uniform(1, 2, 5) BETWEEN 1 AND 2, spark_partition_id(), monotonically_increasing_id();
SELECT 1.5 + 1, 1.5 * 2D, 3 / 2.0, 1 + 1L, 1Y + 1S, 2.0 - 0.5, cast(1 as decimal(38, 18)) * cast(1 as decimal(38, 18)), cast(1 as float) + 1.5;
SELECT factorial(-1);
SELECT conv('zz', 10, 50), bround(1.25, 1), round(null, 1), hex('Spark'), hex(-1), bin(-1), e() = exp(1);
SELECT assert_true(1 = 1);
SELECT assert_true(false);
SELECT raise_error('stop');
SELECT typeof(sum(1)), typeof(avg(1)), typeof(sum(1.5)), typeof(avg(1.50)), typeof(sum(1F)), typeof(count(1)), typeof(max('a'));
SELECT width_bucket(5.35, 0.024, 10.06, 5), try_add(1, 2.5), div(7, 2), nullifzero(0), zeroifnull(null), randstr(3, 1) IS NOT NULL, equal_null(null, null), typeof(null), decode(2, 1, 'a', 2, 'b', 'z'), nvl2(null, 1, 2), ifnull(null, 3), typeof(interval 1 month);
