"""Prices from the AWS price list."""

import json
from functools import cache
from itertools import islice
from typing import Any

import boto3
from strands import tool

from .settings import region

# Only three regions serve the price list. Each has the prices of all regions.
ENDPOINTS = {"eu": "eu-central-1", "ap": "ap-south-1"}
ELSEWHERE = "us-east-1"


def endpoint_region(caller: str) -> str:
    """Choose the region of the price list that is nearest to the caller."""
    return ENDPOINTS.get(caller.split("-")[0], ELSEWHERE)


@cache
def price_list() -> Any:
    """Return a client for the price list, which is created on the first request."""
    return boto3.client("pricing", region_name=endpoint_region(region()))


@tool
def attribute_values(
    service: str, attribute: str, containing: str = "", limit: int = 200
) -> list[str]:
    """List the values of an attribute in a service's price list.

    Args:
        service: The service's code, such as AmazonEC2, AWSLambda or AmazonS3.
        attribute: The attribute, such as instanceType, regionCode or productFamily.
        containing: List only values that contain this text; case is ignored.
        limit: The maximum number of values to return.
    """
    pages = price_list().get_paginator("get_attribute_values")
    found = pages.paginate(ServiceCode=service, AttributeName=attribute)
    values = (value["Value"] for page in found for value in page["AttributeValues"])
    wanted = (value for value in values if containing.lower() in value.lower())
    return list(islice(wanted, max(1, limit)))


@tool
def prices(
    service: str, filters: dict[str, str], limit: int = 20
) -> list[dict[str, Any]]:
    """Look up on-demand prices in US dollars.

    Args:
        service: The service's code, such as AmazonEC2, AWSLambda or AmazonS3.
        filters: Values of attributes, such as {"regionCode": "us-west-2"}.
        limit: The maximum number of products to return.
    """
    # The price list refuses empty values as filters.
    chosen = [
        {"Type": "TERM_MATCH", "Field": field, "Value": value}
        for field, value in filters.items()
        if value
    ]
    answer = price_list().get_products(
        ServiceCode=service, Filters=chosen, MaxResults=max(1, min(limit, 100))
    )
    return [summary(json.loads(product)) for product in answer["PriceList"]]


def summary(product: dict[str, Any]) -> dict[str, Any]:
    """Return the parts of a product that an estimate needs."""
    terms = product.get("terms", {}).get("OnDemand", {}).values()
    dimensions = [
        dimension for term in terms for dimension in term["priceDimensions"].values()
    ]
    return {
        "attributes": product["product"]["attributes"],
        "prices": [
            {
                "usd": dimension["pricePerUnit"].get("USD"),
                "unit": dimension["unit"],
                "description": dimension["description"],
            }
            for dimension in dimensions
        ],
    }
