"""The fleet as a person writes it: boards, how they are reached, and how they are chosen."""

from farm_inventory.adhoc import named
from farm_inventory.board import Board
from farm_inventory.document import load as load_document
from farm_inventory.document import parse as parse_document
from farm_inventory.fleet import load, schema
from farm_inventory.meter import MeterAddress, meter_address
from farm_inventory.problem import DocumentError, InventoryError, Problem
from farm_inventory.select import Rank, counted, select

__all__ = [
    "Board",
    "DocumentError",
    "InventoryError",
    "MeterAddress",
    "Problem",
    "Rank",
    "counted",
    "load",
    "load_document",
    "meter_address",
    "named",
    "parse_document",
    "schema",
    "select",
]
