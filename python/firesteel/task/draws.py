"""Random numbers as MLlib draws them: Spark's own generator for uniform and normal ones, that of Apache Commons Math for the
others. The same seed gives the same numbers.
"""

import math

from firesteel.task.hashing import murmur3

LONG, WORD = (1 << 64) - 1, 0xFFFFFFFF


class JavaRandom:
    """`java.util.Random`, whose numbers are the seeds of partitions."""

    def __init__(self, seed):
        self.state = (seed ^ 0x5DEECE66D) & ((1 << 48) - 1)

    def bits(self, count):
        self.state = (self.state * 0x5DEECE66D + 0xB) & ((1 << 48) - 1)
        return self.state >> (48 - count)

    def next_long(self):
        high, low = self.bits(32), self.bits(32)
        return signed(((high << 32) + (low - (1 << 32) if low >> 31 else low)) & LONG, 64)


class XorShift:
    """Spark's `XORShiftRandom`."""

    def __init__(self, seed):
        data = seed.to_bytes(8, "big", signed=True)
        low = murmur3(data, 0x3C074A61)
        self.state = (murmur3(data, low) << 32) | low
        self.second = None

    def bits(self, count):
        state = self.state
        state ^= (state << 21) & LONG
        state ^= state >> 35
        state ^= (state << 4) & LONG
        self.state = state
        return state & ((1 << count) - 1)

    def uniform(self):
        return ((self.bits(26) << 27) + self.bits(27)) * 2.0**-53

    def normal(self):
        """Marsaglia's polar method, as `java.util.Random` has it; numbers come in pairs."""
        if self.second is not None:
            first, self.second = self.second, None
            return first
        while True:
            x, y = 2 * self.uniform() - 1, 2 * self.uniform() - 1
            square = x * x + y * y
            if 0 < square < 1:
                factor = math.sqrt(-2 * math.log(square) / square)
                self.second = y * factor
                return x * factor


class Well:
    """WELL19937c of Panneton, L'Ecuyer and Matsumoto, as Commons Math seeds it."""

    WORDS = 624

    def __init__(self, seed):
        words = [(seed >> 32) & WORD, seed & WORD]
        for at in range(2, self.WORDS):
            before = signed(words[at - 2], 32)
            words.append((1812433253 * (before ^ (before >> 30)) + at) & WORD)
        self.words, self.index, self.second = words, 0, None

    def bits(self, count):
        words, index, size = self.words, self.index, self.WORDS
        last, before = (index - 1) % size, (index - 2) % size
        own, first = words[index], words[(index + 70) % size]
        second, third = words[(index + 179) % size], words[(index + 449) % size]
        z0 = (words[last] & 0x80000000) ^ (words[before] & 0x7FFFFFFF)
        z1 = own ^ (own << 25 & WORD) ^ first ^ (first >> 27)
        z2 = (second >> 9) ^ third ^ (third >> 1)
        z3 = z1 ^ z2
        z4 = z0 ^ z1 ^ (z1 << 9 & WORD) ^ z2 ^ (z2 << 21 & WORD) ^ z3 ^ (z3 >> 21)
        words[index], words[last] = z3, z4
        words[before] &= 0x80000000
        self.index = last
        z4 ^= (z4 << 7) & 0xE46E1700
        z4 ^= (z4 << 15) & 0x9B868000
        return (z4 & WORD) >> (32 - count)

    def uniform(self):
        return ((self.bits(26) << 26) | self.bits(26)) * 2.0**-52

    def normal(self):
        """The method of Box and Muller; numbers come in pairs."""
        if self.second is not None:
            first, self.second = self.second, None
            return first
        angle, radius = 2 * math.pi * self.uniform(), math.sqrt(-2 * math.log(self.uniform()))
        self.second = radius * math.sin(angle)
        return radius * math.cos(angle)

    def exponential(self, mean=1.0):
        """Algorithm SA of Ahrens and Dieter (1972)."""
        halvings, u = 0.0, self.uniform()
        while u < 0.5:
            halvings += PARTS[0]
            u *= 2
        u += u - 1
        if u <= PARTS[0]:
            return mean * (halvings + u)
        part, least = 0, self.uniform()
        while True:
            part += 1
            least = min(least, self.uniform())
            if u <= PARTS[part]:
                return mean * (halvings + least * PARTS[0])

    def poisson(self, mean):
        """Knuth's method; from a mean of 40 on the rejection of Devroye (1981)."""
        return self.many(mean) if mean >= 40 else self.few(mean)

    def few(self, mean):
        limit, product, count = math.exp(-mean), 1.0, 0
        while count < 1000 * mean:
            product *= self.uniform()
            if product < limit:
                break
            count += 1
        return count

    def many(self, mean):
        whole = math.floor(mean)
        rest = self.few(mean - whole) if mean > whole else 0
        log_mean, log_factorial = math.log(whole), factorial_log(whole)
        delta = math.sqrt(whole * math.log(32 * whole / math.pi + 1))
        width, bend = 2 * whole + delta, 1.0 / (8 * whole)
        middle = math.sqrt(math.pi * width) * math.exp(bend)
        tail = (width / delta) * math.exp(-delta * (1 + delta) / width)
        total = middle + tail + 1
        in_middle, in_tail = middle / total, tail / total
        while True:
            u = self.uniform()
            if u <= in_middle:
                deviate = self.normal()
                x = deviate * math.sqrt(whole + delta / 2) - 0.5
                if x > delta or x < -whole:
                    continue
                y = math.floor(x) if x < 0 else math.ceil(x)
                bound = -self.exponential() - deviate * deviate / 2 + bend
            elif u > in_middle + in_tail:
                return rest + whole
            else:
                x = delta + (width / delta) * self.exponential()
                y = math.ceil(x)
                bound = -self.exponential() - delta * (x + 1) / width
            below = 1 if x < 0 else 0
            t = y * (y + 1) / (2.0 * whole)
            if bound < -t and not below:
                return rest + whole + y
            upper = t * ((2 * y + 1) / (6.0 * whole) - 1)
            if bound < upper - (t * t) / (3 * (whole + below * (y + 1))):
                return rest + whole + y
            if bound > upper:
                continue
            if bound < y * log_mean - factorial_log(y + whole) + log_factorial:
                return rest + whole + y

    def gamma(self, shape, scale):
        """Ahrens and Dieter (1974) below a shape of 1, from there on Marsaglia and Tsang (2000)."""
        return scale * self.small_gamma(shape) if shape < 1 else self.large_gamma(shape, scale)

    def small_gamma(self, shape):
        bound = 1 + shape / math.e
        while True:
            p = bound * self.uniform()
            if p <= 1:
                x = p ** (1 / shape)
                if self.uniform() <= math.exp(-x):
                    return x
            else:
                x = -math.log((bound - p) / shape)
                if self.uniform() <= x ** (shape - 1):
                    return x

    def large_gamma(self, shape, scale):
        d = shape - 0.333333333333333333
        c = 1 / (3 * math.sqrt(d))
        while True:
            x = self.normal()
            v = (1 + c * x) * (1 + c * x) * (1 + c * x)
            if v <= 0:
                continue
            u = self.uniform()
            if u < 1 - 0.0331 * (x * x) * (x * x) or math.log(u) < 0.5 * (x * x) + d * (1 - v + math.log(v)):
                return scale * d * v


def signed(number, bits):
    return number - (1 << bits) if number >> (bits - 1) else number


def factorial_log(n):
    """ln n!, summed up as Commons Math does."""
    if n < 21:
        return math.log(math.factorial(n))
    total = 0.0
    # `sum` is more exact than Java's additions.
    for one in range(2, n + 1):
        total += math.log(one)
    return total


def parts_of_one():
    """The sums of (ln 2)^k / k!, up to 1."""
    sums, total, k = [], 0.0, 1
    while total < 1:
        total += math.log(2) ** k / math.factorial(k)
        sums.append(total)
        k += 1
    return sums


PARTS = parts_of_one()

# A function that draws, for a distribution with its parameters and a seed.
DISTRIBUTIONS = {
    "uniform": lambda seed: XorShift(seed).uniform,
    "normal": lambda seed: XorShift(seed).normal,
    "poisson": lambda seed, mean: drawn(Well(seed).poisson, mean),
    "exponential": lambda seed, mean: drawn(Well(seed).exponential, mean),
    "gamma": lambda seed, shape, scale: drawn(Well(seed).gamma, shape, scale),
    "logNormal": lambda seed, mean, deviation: log_normal(Well(seed), mean, deviation),
}


def drawn(draw, *parameters):
    return lambda: float(draw(*parameters))


def log_normal(well, mean, deviation):
    return lambda: math.exp(mean + deviation * well.normal())
