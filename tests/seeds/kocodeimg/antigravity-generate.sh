curl -X POST "https://your-domain.com/antigravity/v1beta/models/gemini-3.1-flash-image:generateContent" \
  -H "Authorization: Bearer sk-koci_your_api_key" \
  -H "Content-Type: application/json" \
  -d '{
  "contents": [{
    "role": "user",
    "parts": [{"text": "一只穿着宇航服的猫在月球上漫步"}]
  }],
  "generationConfig": {
    "responseModalities": ["IMAGE", "TEXT"],
    "imageConfig": {
      "imageSize": "2K",
      "aspectRatio": "16:9"
    }
  }
}'
