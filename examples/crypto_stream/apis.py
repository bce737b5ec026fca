"""A stand-in for two public APIs: GET /prices and GET /sensors, with made-up numbers that are the same at each start.

    python3 apis.py [--port PORT]
"""

import argparse
import datetime
import itertools
import json
import random
from http.server import BaseHTTPRequestHandler, HTTPServer

COINS = {"bitcoin": 42000.0, "ethereum": 2300.0, "solana": 95.0, "cardano": 0.5}
STATIONS = ["harbour", "station", "park", "airport"]
START = datetime.datetime(2024, 1, 1, tzinfo=datetime.timezone.utc)


def answers(seed="apis"):
    """Prices and sensors of one minute after the other."""
    numbers = random.Random(seed)
    prices = dict(COINS)
    for minute in itertools.count():
        at = (START + datetime.timedelta(minutes=minute)).isoformat().replace("+00:00", "Z")
        for coin in prices:
            prices[coin] *= 1 + numbers.gauss(0, 0.002)
            if numbers.random() < 0.02:
                prices[coin] *= numbers.choice([0.9, 1.1])
        yield {
            "prices": [{"coin": coin, "usd": round(price, 4), "at": at} for coin, price in prices.items()],
            "sensors": [
                # A sensor that is broken says -1.
                {"station": name, "pm25": -1.0 if numbers.random() < 0.05 else round(numbers.gauss(18, 7), 1), "at": at}
                for name in STATIONS
            ],
        }


def only(kind):
    for answer in answers():
        yield answer[kind]


class Handler(BaseHTTPRequestHandler):
    streams = {"prices": only("prices"), "sensors": only("sensors")}

    def do_GET(self):
        stream = self.streams.get(self.path.strip("/"))
        if stream is None:
            self.send_error(404)
            return
        body = json.dumps(next(stream)).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--port", type=int, default=8088)
    server = HTTPServer(("127.0.0.1", parser.parse_args().port), Handler)
    print(f"listening on http://localhost:{server.server_port}", flush=True)
    server.serve_forever()


if __name__ == "__main__":
    main()
